import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { Model } from '../catalogue/model.ts';
import { rows } from '../kit/database/sql.ts';
import { newId } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import { Comment, Image, Post } from './model.ts';

/** Somebody passed a thing of this node on to their followers: exactly one of model, post, image or comment. */
export const Share = defineEntity({
  name: 'Share',
  uniques: [
    { properties: ['account', 'model'] },
    { properties: ['account', 'post'] },
    { properties: ['account', 'image'] },
    { properties: ['account', 'comment'] },
  ],
  indexes: [
    { properties: ['model'] },
    { properties: ['post'] },
    { properties: ['image'] },
    { properties: ['comment'] },
  ],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    post: () => p.manyToOne(Post).ref().nullable().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('cascade'),
    comment: () => p.manyToOne(Comment).ref().nullable().deleteRule('cascade'),
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
  },
});
export interface Share extends InferEntity<typeof Share> {}

interface Shared {
  readonly kind: 'model' | 'post' | 'image' | 'comment';
  readonly id: number | string;
}

/** Once for each account and thing, however often it is said. `uri` is that of the activity. */
export async function share(
  { em, now }: Pick<Work, 'em' | 'now'>,
  accountId: number,
  { kind, id }: Shared,
  uri: string | null,
): Promise<void> {
  await rows(
    em,
    `insert into share (id, account_id, ${kind}_id, uri, created_at) values (?, ?, ?, ?, ?) on conflict do nothing returning id`,
    [newId(), accountId, id, uri, now()],
  );
}

/** Shares by accounts that were deleted or suspended count no more. */
export const countShares = (em: EntityManager, { kind, id }: Shared): Promise<number> =>
  em.count(Share, { [kind]: id, account: { state: 'active' } });
