import { createHash } from 'node:crypto';
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

interface EvidencePicture {
  readonly sha256: string;
  readonly mediaType: string;
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
  /** Pictures that nobody published, by their place: only reviewers of the row see them, and each look is on record. */
  readonly pictures?: readonly EvidencePicture[];
  /** Nobody published it: who opens the row is written down. */
  readonly isPrivate?: boolean;
  /** Its pictures may do harm to who looks: each look unveiled is counted. */
  readonly isHarmful: boolean;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly voices: readonly Voice[];
  readonly isBurst: boolean;
  /** Who decided before, where somebody else must look again. */
  readonly deciderIds?: readonly number[];
  /** Who asked for a decision and so does not make it. */
  readonly askerIds: readonly number[];
  readonly categories: readonly RuleCategory[];
  readonly choices: readonly Choice[];
  /** Choices that two people must want (spec/takedowns.md 2.3, transition 11). */
  readonly jointChoices: readonly string[];
}

/** Of what its owner may change while somebody looks at it: another word or picture is another fingerprint. */
export const fingerprintOf = ({ title, text, imageIds, pictures = [] }: Evidence): string =>
  createHash('sha256')
    .update(JSON.stringify([title, text, imageIds, pictures.map(({ sha256 }) => sha256)]))
    .digest('hex');

interface CarriedOut {
  readonly takedownId: string | null;
  readonly entries: readonly AuditWrite[];
}

/** Which rows somebody knows. */
interface Known {
  readonly kinds: readonly QueueKind[];
  /** Of these kinds only rows whose subject begins so. */
  readonly prefix?: string;
}

/** Knows one or more kinds of rows: what to show of them, what may be decided, and what follows. */
export interface Desk extends Known {
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
export interface DeskLink extends Known {
  urlOf(row: Pick<QueueRow, 'id' | 'subjectId' | 'aboutKind' | 'aboutId'>): string;
}

type Named = Pick<QueueRow, 'kind' | 'subjectId'>;

const knows = ({ kinds, prefix = '' }: Known, { kind, subjectId }: Named): boolean =>
  kinds.includes(kind) && subjectId.startsWith(prefix);

/** Of those that know a row the one with the longest prefix has it. */
export class Desks {
  readonly #desks: readonly Desk[];
  readonly #links: readonly DeskLink[];

  constructor(desks: readonly Desk[], links: readonly DeskLink[] = []) {
    this.#desks = desks;
    this.#links = links;
  }

  /** Null for what is decided on pages of its own, or by nobody yet. */
  deskOf(row: Named): Desk | null {
    const desk = nearest(this.#desks, row);
    return desk && prefixOf(desk) >= prefixOf(nearest(this.#links, row)) ? desk : null;
  }

  /** Where a row is decided; '' for a kind that nobody knows yet. */
  urlOf(row: Pick<QueueRow, 'id' | 'kind' | 'subjectId' | 'aboutKind' | 'aboutId'>): string {
    return this.deskOf(row) ? `/moderation/queue/${row.id}` : (nearest(this.#links, row)?.urlOf(row) ?? '');
  }
}

const prefixOf = (known: Known | null): number => (known ? (known.prefix?.length ?? 0) : -1);

const nearest = <One extends Known>(all: readonly One[], row: Named): One | null =>
  all.reduce<One | null>((best, one) => (knows(one, row) && prefixOf(one) > prefixOf(best) ? one : best), null);
