import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Target } from '../access.ts';
import { reactionCreated, reactionRemoved } from '../events.ts';
import { assertNoBlock, loadSubject, type Speaker } from './target.ts';

/**
 * Likes something; again is the same. `uri` is that of a peer's activity. Throws `not_found` for what the speaker may not
 * see and `forbidden` across a block.
 */
export async function like(
  { em, now }: Pick<Work, 'em' | 'now'>,
  speaker: Speaker,
  target: Target,
  uri: string | null = null,
): Promise<void> {
  await assertNoBlock(em, speaker.id, [(await loadSubject(em, speaker, target)).ownerId]);
  await em.transactional(async (tx) => {
    const id = newId();
    const [made] = await rows<{ id: string }>(
      tx,
      `insert into reaction (id, account_id, ${target.kind}_id, uri, created_at) values (?, ?, ?, ?, ?)
       on conflict do nothing returning id`,
      [id, speaker.id, target.id, uri, now()],
    );
    if (!made) return;
    record(tx, reactionCreated, { reactionId: id });
    await tx.flush();
    await countLikes(tx, target, 1);
  });
}

/** Takes a like back; one that is not there is fine. */
export async function unlike({ em }: Pick<Work, 'em'>, speaker: Pick<Speaker, 'id'>, target: Target): Promise<void> {
  await em.transactional(async (tx) => {
    const [gone] = await rows<{ id: string; uri: string | null }>(
      tx,
      `delete from reaction where account_id = ? and ${target.kind}_id = ? returning id, uri`,
      [speaker.id, target.id],
    );
    if (!gone) return;
    record(tx, reactionRemoved, {
      reactionId: gone.id,
      accountId: speaker.id,
      kind: target.kind,
      targetId: target.id,
      uri: gone.uri,
    });
    await tx.flush();
    await countLikes(tx, target, -1);
  });
}

const columnOf = (target: Target): string => (target.kind === 'model' ? 'thumbs_up_count' : 'like_count');

async function countLikes(em: EntityManager, target: Target, by: 1 | -1): Promise<void> {
  const column = columnOf(target);
  await rows(em, `update ${target.kind} set ${column} = ${column} + ? where id = ? returning id`, [by, target.id]);
}

/** How often something is liked, and whether by this person. */
export async function loadLikes(
  em: EntityManager,
  viewerId: number,
  target: Target,
): Promise<{ liked: boolean; likeCount: number }> {
  const [row] = await rows<{ n: unknown; mine: unknown }>(
    em,
    `select ${columnOf(target)} as n, (select count(*) from reaction r where r.account_id = ?
       and r.${target.kind}_id = x.id) as mine from ${target.kind} x where x.id = ?`,
    [viewerId, target.id],
  );
  return { liked: toNumber(row?.mine) > 0, likeCount: toNumber(row?.n) };
}
