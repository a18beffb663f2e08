import type { EntityManager } from '@mikro-orm/core';
import type { AuditWrite } from '../../kit/audit/append.ts';
import type { Work } from '../../kit/work.ts';
import type { RuleCategory } from '../rules/model.ts';
import type { QueueDecision, QueueKind, QueueRow } from './model.ts';

/** One person's word about the thing, as it stands on the page. */
export interface Voice {
  readonly id: string;
  readonly by: string;
  readonly byUrl: string;
  readonly text: string;
  readonly link: string;
  readonly rule: string;
  readonly category: string;
  /** What they think the rating should be; '' else. */
  readonly rating: string;
  /** 0 to 100. */
  readonly weight: number;
  readonly isFresh: boolean;
  readonly createdAt: string;
}

/** What may be decided; the place in the list is the number key. */
export interface Choice {
  /** Its label is the message `queue-choice.<name>`. */
  readonly name: string;
  /** The form asks for a rating. */
  readonly hasLevel?: boolean;
  /** Takes something away: it needs a rule. */
  readonly isHarsh?: boolean;
}

/** What a reviewer is shown of one row, whatever waits there. */
export interface Evidence {
  readonly what: string;
  readonly title: string;
  readonly text: string;
  readonly url: string;
  readonly owner: string;
  readonly ownerUrl: string;
  readonly ownerId: number | null;
  readonly imageIds: readonly number[];
  /** Its pictures may do harm to who looks: each look unveiled is counted. */
  readonly isHarmful: boolean;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly voices: readonly Voice[];
  readonly isBurst: boolean;
  /** Who asked for a decision and so does not make it. */
  readonly askerIds: readonly number[];
  readonly categories: readonly RuleCategory[];
  readonly choices: readonly Choice[];
  /** Choices that two people must want (spec/takedowns.md 2.3, transition 11). */
  readonly jointChoices: readonly string[];
}

interface CarriedOut {
  readonly takedownId: string | null;
  readonly entries: readonly AuditWrite[];
}

/** Knows one or more kinds of rows: what to show of them, what may be decided, and what follows. */
export interface Desk {
  readonly kinds: readonly QueueKind[];
  /** Null when there is nothing left to decide about. */
  load(em: EntityManager, row: QueueRow): Promise<Evidence | null>;
  /** In the transaction that closes the row. */
  carryOut(
    work: Pick<Work, 'em' | 'jobs' | 'now'>,
    row: QueueRow,
    decision: QueueDecision,
    evidence: Evidence | null,
  ): Promise<CarriedOut>;
}

/** Kinds that have pages of their own, such as cases: the queue leads there. */
export interface DeskLink {
  readonly kinds: readonly QueueKind[];
  urlOf(row: Pick<QueueRow, 'id' | 'subjectId' | 'aboutKind' | 'aboutId'>): string;
}

export class Desks {
  readonly #desks = new Map<QueueKind, Desk>();
  readonly #links = new Map<QueueKind, DeskLink>();

  constructor(desks: readonly Desk[], links: readonly DeskLink[] = []) {
    for (const desk of desks) for (const kind of desk.kinds) this.#desks.set(kind, desk);
    for (const link of links) for (const kind of link.kinds) this.#links.set(kind, link);
  }

  deskOf(kind: QueueKind): Desk | null {
    return this.#desks.get(kind) ?? null;
  }

  /** Where a row is decided; '' for a kind that nobody knows yet. */
  urlOf(row: Pick<QueueRow, 'id' | 'kind' | 'subjectId' | 'aboutKind' | 'aboutId'>): string {
    if (this.#desks.has(row.kind)) return `/moderation/queue/${row.id}`;
    return this.#links.get(row.kind)?.urlOf(row) ?? '';
  }
}
