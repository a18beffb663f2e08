import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { Model } from '../catalogue/model.ts';
import { rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { pinChanged } from './events.ts';
import { Post } from './model.ts';

/** As many as Mastodon has. */
const MOST_PINS = 5;

/** A model or post that its owner keeps at the top of their profile. Exactly one of the two is set. */
export const Pin = defineEntity({
  name: 'Pin',
  uniques: [{ properties: ['account', 'model'] }, { properties: ['account', 'post'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    createdAt: p.datetime(),
  },
});
export interface Pin extends InferEntity<typeof Pin> {}

export interface Pinned {
  readonly kind: 'model' | 'post';
  readonly id: number;
}

/** What everybody sees pinned, newest first; what was deleted or taken back since is left out. */
export async function listPins(em: EntityManager, accountId: number): Promise<Pinned[]> {
  const found = await rows<{ model_id: number | null; post_id: number | null }>(
    em,
    `select n.model_id, n.post_id from pin n left join model m on m.id = n.model_id left join post p on p.id = n.post_id
     where n.account_id = ? and coalesce(m.listed_at, p.listed_at) is not null order by n.created_at desc, n.id desc
     limit ${MOST_PINS}`,
    [accountId],
  );
  return found.map((row) =>
    row.model_id === null ? { kind: 'post', id: row.post_id ?? 0 } : { kind: 'model', id: row.model_id },
  );
}

export async function isPinned(em: EntityManager, accountId: number, { kind, id }: Pinned): Promise<boolean> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from pin where account_id = ? and ${kind}_id = ?`,
    [accountId, id],
  );
  return toNumber(found?.n) > 0;
}

/** Pins what is the viewer's own and public. Again is the same. Throws `not_found`, and `conflict` when five are pinned. */
export async function pin({ em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>, target: Pinned): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const where = { id: target.id, owner: viewer.id, isLocal: true, listedAt: { $ne: null } };
  const isOwn = target.kind === 'model' ? await em.count(Model, where) : await em.count(Post, where);
  if (isOwn === 0) throw new AppError('not_found', 'There is nothing of yours here that is public.');
  await keepPin({ em, viewer, now }, target);
}

/** The same for what is the viewer's own by the caller's word, and may become public later: then it is seen pinned. */
export async function keepPin(
  { em, viewer, now }: Pick<Work, 'em' | 'now'> & { readonly viewer: Viewer },
  target: Pinned,
): Promise<void> {
  if (await isPinned(em, viewer.id, target)) return;
  if ((await listPins(em, viewer.id)).length >= MOST_PINS) {
    throw new AppError('conflict', `You have pinned ${MOST_PINS} things already. Unpin one first.`);
  }
  await em.transactional(async (tx) => {
    const [made] = await rows<{ id: string }>(
      tx,
      `insert into pin (id, account_id, ${target.kind}_id, created_at) values (?, ?, ?, ?) on conflict do nothing returning id`,
      [newId(), viewer.id, target.id, now()],
    );
    // somebody pressed twice
    if (!made) return;
    record(tx, pinChanged, factsOf(made.id, viewer.id, target, true));
    await tx.flush();
  });
}

/** Takes a pin away; one that is not there is fine. */
export async function unpin({ em, viewer }: Pick<Work, 'em' | 'viewer'>, target: Pinned): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const known = await em.findOne(Pin, { account: viewer.id, [target.kind]: target.id });
  if (!known) return;
  record(em, pinChanged, factsOf(known.id, viewer.id, target, false));
  await em.remove(known).flush();
}

const factsOf = (pinId: string, accountId: number, { kind, id }: Pinned, isPinned: boolean) => ({
  ...{ pinId, accountId, kind, isPinned },
  targetId: id,
});
