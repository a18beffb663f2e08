import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows, toDate } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { FORGOTTEN_DAYS, trendScore } from './formula.ts';

/** So many likes of one thing are weighed, the newest. */
const MOST_VOTES = 2_000;

interface Thing {
  readonly kind: 'model' | 'image';
  readonly id: number;
}

/** Notes who liked a thing first when, and gives it its place anew; a like that is gone by now changes nothing. */
export async function countLike({ em, now }: Pick<Work, 'em' | 'now'>, reactionId: string): Promise<void> {
  const [like] = await rows<{
    account_id: number;
    model_id: number | null;
    image_id: number | null;
    post_id: number | null;
    created_at: unknown;
  }>(em, 'select account_id, model_id, image_id, post_id, created_at from reaction where id = ?', [reactionId]);
  if (!like) return;
  for (const { kind, id } of await thingsOf(em, like)) {
    await rows(
      em,
      `insert into first_like (id, account_id, ${kind}_id, at) values (?, ?, ?, ?) on conflict do nothing returning id`,
      [newId(), like.account_id, id, toDate(like.created_at)],
    );
    await place({ em, now }, { kind, id });
  }
}

/** A like was taken back. */
export async function discountLike(work: Pick<Work, 'em' | 'now'>, kind: string, targetId: number): Promise<void> {
  const liked = { [`${kind}_id`]: targetId } as Liked;
  for (const thing of await thingsOf(work.em, liked)) await place(work, thing);
}

interface Liked {
  readonly model_id?: number | null;
  readonly image_id?: number | null;
  readonly post_id?: number | null;
}

/** A like of a post is one of its first picture: other servers know posts alone. */
async function thingsOf(em: EntityManager, { model_id, image_id, post_id }: Liked): Promise<Thing[]> {
  if (model_id != null) return [{ kind: 'model', id: model_id }];
  if (image_id != null) return [{ kind: 'image', id: image_id }];
  if (post_id == null) return [];
  const [first] = await rows<{ id: number }>(
    em,
    'select id from image where post_id = ? and deleted_at is null order by position, id limit 1',
    [post_id],
  );
  return first ? [{ kind: 'image', id: first.id }] : [];
}

/** The likes that stand now, by people who are still here and are not its owner, each at its first time. */
async function place({ em, now }: Pick<Work, 'em' | 'now'>, { kind, id }: Thing): Promise<void> {
  const stands =
    kind === 'model'
      ? 'r.model_id = f.model_id'
      : '(r.image_id = f.image_id or r.post_id = (select i.post_id from image i where i.id = f.image_id))';
  const found = await rows<{ at: unknown; created_at: unknown; host: string }>(
    em,
    `select f.at, a.created_at, a.host from first_like f join account a on a.id = f.account_id and a.state = 'active'
     where f.${kind}_id = ? and f.at > ? and a.id <> (select x.owner_id from ${kind} x where x.id = f.${kind}_id)
       and exists (select 1 from reaction r where r.account_id = f.account_id and ${stands})
     order by f.at desc limit ${MOST_VOTES}`,
    [id, new Date(now().getTime() - FORGOTTEN_DAYS * 86_400_000)],
  );
  const score =
    found.length === 0
      ? null
      : trendScore(found.map(({ at, created_at, host }) => ({ at: toDate(at), joinedAt: toDate(created_at), host })));
  await rows(em, `update ${kind} set trend_score = ? where id = ? returning id`, [score, id]);
}

export const countLikeJob = defineJob({
  name: 'discovery.count-like',
  lane: 'media',
  payload: z.object({ reactionId: z.string() }),
  attempts: 5,
  run: (work, { reactionId }) => countLike(work, reactionId),
});

export const discountLikeJob = defineJob({
  name: 'discovery.discount-like',
  lane: 'media',
  payload: z.object({ kind: z.string(), targetId: z.int() }),
  attempts: 5,
  run: (work, { kind, targetId }) => discountLike(work, kind, targetId),
});

/** Somebody stopped to count, or counts again: the places of what they liked lately. */
export const recountLikesJob = defineJob({
  name: 'discovery.recount-likes',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  async run(work, { accountId }) {
    const found = await rows<{ model_id: number | null; image_id: number | null }>(
      work.em,
      `select model_id, image_id from first_like where account_id = ? and at > ? order by at desc limit ${MOST_VOTES}`,
      [accountId, new Date(work.now().getTime() - FORGOTTEN_DAYS * 86_400_000)],
    );
    for (const liked of found) for (const thing of await thingsOf(work.em, liked)) await place(work, thing);
  },
});
