import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { Model } from '../catalogue/model.ts';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import { lookAt, type Target } from './access.ts';
import { shareCreated, shareRemoved } from './events.ts';
import { Comment, Image, Post } from './model.ts';
import { assertNoBlock, loadSubject, type Speaker } from './talk/target.ts';

/** Somebody passed a thing on to their followers, which people call a boost: exactly one of model, post, image or comment. */
export const Share = defineEntity({
  name: 'Share',
  uniques: [
    { properties: ['account', 'model'] },
    { properties: ['account', 'post'] },
    { properties: ['account', 'image'] },
    { properties: ['account', 'comment'] },
  ],
  indexes: [
    { properties: ['account', 'createdAt'] },
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
    /** Id of a peer's Announce. */
    uri: p.string().length(2048).nullable().unique(),
    createdAt: p.datetime(),
  },
});
export interface Share extends InferEntity<typeof Share> {}

/** What people here pass on. */
export interface Shareable {
  readonly kind: 'model' | 'post';
  readonly id: number;
}

/**
 * Passes something on; again is the same. Throws `not_found` and `forbidden` as liking does, and `invalid` for what is
 * not for everybody.
 */
export async function share({ em, now }: Pick<Work, 'em' | 'now'>, speaker: Speaker, target: Shareable): Promise<void> {
  const { ownerId } = await loadSubject(em, speaker, target);
  await assertNoBlock(em, speaker.id, [ownerId]);
  if (!(await lookAt(em, null, target))?.verdict.allowed) {
    throw new AppError('invalid', 'Only what everybody may see can be passed on.');
  }
  await writeShare(em, speaker.id, target, { uri: null, at: now() });
}

/** Once for each account and thing, however often it is said. Who may is for the caller. */
export async function writeShare(
  em: EntityManager,
  accountId: number,
  { kind, id }: Pick<Target, 'kind' | 'id'>,
  { uri, at }: { readonly uri: string | null; readonly at: Date },
): Promise<void> {
  await em.transactional(async (inner) => {
    const [made] = await rows<{ id: string }>(
      inner,
      `insert into share (id, account_id, ${kind}_id, uri, created_at) values (?, ?, ?, ?, ?) on conflict do nothing returning id`,
      [newId(), accountId, id, uri, at],
    );
    if (made) record(inner, shareCreated, { shareId: made.id });
    await inner.flush();
  });
}

/** Takes it back; one that is not there is fine. Tells whether there was one. */
export async function unshare(
  em: EntityManager,
  accountId: number,
  which: Pick<Target, 'kind' | 'id'> | { readonly uri: string },
): Promise<boolean> {
  const [column, value] = 'uri' in which ? ['uri', which.uri] : [`${which.kind}_id`, which.id];
  return em.transactional(async (inner) => {
    const [gone] = await rows<{ id: string }>(
      inner,
      `delete from share where account_id = ? and ${column} = ? returning id`,
      [accountId, value],
    );
    if (gone) record(inner, shareRemoved, { shareId: gone.id, accountId });
    await inner.flush();
    return gone !== undefined;
  });
}

/** Shares by accounts that were deleted or suspended count no more. */
export const countShares = (em: EntityManager, { kind, id }: Pick<Target, 'kind' | 'id'>): Promise<number> =>
  em.count(Share, { [kind]: id, account: { state: 'active' } });

/** How often something is passed on, and whether by this person. */
export async function loadShares(
  em: EntityManager,
  viewerId: number,
  target: Shareable,
): Promise<{ shared: boolean; shareCount: number }> {
  const mine = viewerId === 0 ? 0 : await em.count(Share, { [target.kind]: target.id, account: viewerId });
  return { shared: mine > 0, shareCount: await countShares(em, target) };
}
