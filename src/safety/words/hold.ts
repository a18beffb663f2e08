import type { EntityManager } from '@mikro-orm/core';
import { findHold, hold } from '../holds/hold.ts';
import { QUARANTINE } from '../policy.ts';
import { restrict } from '../restrict.ts';

interface Paged {
  readonly kind: 'model' | 'post' | 'collection';
  readonly id: number;
}

/** What words stand in. What has a page of its own is kept back by a restriction, talk by a column of its row. */
export type Worded = Paged | { readonly kind: 'comment' | 'review'; readonly id: string };

/** The source of the restriction. */
const SOURCE = 'hold:words';

/**
 * Nobody sees it until a person looked at its words. Within the transaction that writes them; of comments and reviews
 * the caller sets `withheldAt`.
 */
export async function holdWords(
  em: EntityManager,
  thing: Worded,
  accountId: number,
  reason: string,
  now: Date,
): Promise<void> {
  await hold(em, { kind: thing.kind, id: String(thing.id), accountId, reason }, now);
  if (hasPage(thing)) await restrict(em, thing, SOURCE, QUARANTINE, now);
}

/** A person looked, and found nothing. The caller flushes. */
export async function freeWords(em: EntityManager, thing: Worded, now: Date): Promise<void> {
  if (hasPage(thing)) await restrict(em, thing, SOURCE, 0, now);
}

const hasPage = (thing: Worded): thing is Paged => thing.kind !== 'comment' && thing.kind !== 'review';

/** Whether it waits for a person now. */
export const isWaiting = async (em: EntityManager, { kind, id }: Worded): Promise<boolean> =>
  (await findHold(em, kind, String(id)))?.state === 'held';
