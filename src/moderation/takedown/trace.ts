import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';

const TRACE_KINDS = [
  ...(['model_file', 'image', 'model', 'account', 'collection_item', 'pin'] as const),
  // the words of a model, and what a picture says of how it was made
  ...(['words', 'recipe'] as const),
] as const;
export type TraceKind = (typeof TRACE_KINDS)[number];

/**
 * What a takedown took from one row, so that it can be undone: written in the transaction that takes it, once, so a
 * second run of the step finds what the first one took and not what it left.
 */
export const TakedownTrace = defineEntity({
  name: 'TakedownTrace',
  uniques: [{ properties: ['takedownId', 'kind', 'subjectId'] }],
  indexes: [{ properties: ['digest'] }],
  properties: {
    id: p.uuid().primary(),
    takedownId: p.uuid(),
    kind: p.enum([...TRACE_KINDS]),
    subjectId: p.string().length(40),
    /** SHA-256 of the bytes that lie in the vault. Not called one, or the store would keep them for us. */
    digest: p.string().length(64).nullable(),
    /** The columns as they were. */
    facts: p.json<unknown>(),
    takenAt: p.datetime(),
    /** Bytes that nothing else names are gone from the store; null while that is still to be done. */
    clearedAt: p.datetime().nullable(),
    /** A person let the bytes go for good. */
    purgedAt: p.datetime().nullable(),
    restoredAt: p.datetime().nullable(),
  },
});
export interface TakedownTrace extends InferEntity<typeof TakedownTrace> {}

export interface Taken {
  readonly kind: TraceKind;
  readonly subjectId: string | number;
  readonly digest?: string | null;
  readonly facts: object;
}

/** Writes down what a row had, in the transaction of `em`. False when it is written down already. */
export async function keepTrace(em: EntityManager, takedownId: string, taken: Taken, now: Date): Promise<boolean> {
  const made = await rows(
    em,
    `insert into takedown_trace (id, takedown_id, kind, subject_id, digest, facts, taken_at) values (?, ?, ?, ?, ?, ?, ?)
     on conflict (takedown_id, kind, subject_id) do nothing returning id`,
    [
      ...[newId(now.getTime()), takedownId, taken.kind, String(taken.subjectId), taken.digest ?? null],
      ...[JSON.stringify(taken.facts), now],
    ],
  );
  return made.length > 0;
}

export const listTraces = (em: EntityManager, takedownId: string, kind: TraceKind): Promise<TakedownTrace[]> =>
  em.find(TakedownTrace, { takedownId, kind, restoredAt: null }, { orderBy: { id: 1 } });
