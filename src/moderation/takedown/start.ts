import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { defineEvent, record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { PolicyTarget } from '../../safety/policy.ts';
import type { RuleCategory } from '../rules/model.ts';
import { type Outcome, Takedown } from './model.ts';

export const takedownRequested = defineEvent('takedown.requested', z.object({ takedownId: z.string() }));

/** Every step of an outcome is done. Recorded by the worker that carries it out. */
export const takedownDone = defineEvent(
  'takedown.done',
  z.object({ takedownId: z.string(), caseId: z.string().nullable() }),
);

/** How long a lock of uploads lasts (spec/takedowns.md 2.7). */
export const LOCK_DAYS = 7;

/** What an outcome needs to know beyond its target; each field is read by the outcomes that it names. */
export interface TakedownParameters {
  /** `limit`, and `de_attribute` beside the names: bits of RESTRICTION. */
  readonly bits?: number;
  /** `de_attribute`: the names to be scrubbed and locked. */
  readonly names?: readonly string[];
  /** `credit`: the line; `licence`: the SPDX id. */
  readonly text?: string;
  /** `re_rate`: the level. */
  readonly level?: number;
  /** `account_action`. */
  readonly action?: 'strike' | 'lock_uploads' | 'suspend' | 'terminate';
  /** `lock_uploads`: for how long; without it until somebody takes it back. */
  readonly days?: number;
  /** `undo`: the takedown that is taken back. */
  readonly undoes?: string;
  /** `remove`: bytes stay in the vault until a person purges them. */
  readonly vault?: boolean;
  /** `remove`: also block the files and pictures by their hashes. */
  readonly block?: boolean;
}

/** A strike beside a decision about something of an account of this node; `category` as a rule has it. */
export function strikeOwner(em: EntityManager, accountId: number, category: RuleCategory, now: Date): string {
  const target = { kind: 'account', id: accountId } as const;
  const request = { caseId: null, target, outcome: 'account_action', category: takedownCategory(category) } as const;
  return startTakedown(em, { ...request, parameters: { action: 'strike' } }, now);
}

/** In the words of Takedown. */
export const takedownCategory = (category: RuleCategory): string =>
  ['minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy'].includes(category) ? category : 'other';

/** Writes an outcome into what `em` flushes next; the worker takes it from there (`takedown.requested`). */
export function startTakedown(
  em: EntityManager,
  request: {
    readonly caseId: string | null;
    readonly target: PolicyTarget;
    readonly outcome: Outcome;
    readonly category: string;
    readonly parameters: TakedownParameters;
  },
  now: Date,
): string {
  const id = newId(now.getTime());
  em.create(
    Takedown,
    {
      id,
      caseId: request.caseId,
      targetKind: request.target.kind,
      targetId: request.target.id,
      outcome: request.outcome,
      parameters: request.parameters,
      category: request.category,
      state: 'running',
      requestedAt: now,
      doneAt: null,
    },
    { persist: true },
  );
  record(em, takedownRequested, { takedownId: id });
  return id;
}
