import type { EntityManager } from '@mikro-orm/core';
import { rows, toBoolean, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { boostCreated, boostRemoved } from '../events.ts';
import { assertNoBlock, loadSubject, type Speaker } from './target.ts';

/** What one may pass on to one's followers. */
export interface Boostable {
  readonly kind: 'model' | 'post';
  readonly id: number;
}

/**
 * Passes something on; again is the same. `uri` is that of a peer's Announce. Only what everybody may see can be passed
 * on. Throws `not_found` and `forbidden` as liking does, and `invalid` for one's own and for what is not public.
 */
export async function boost(
  { em, now }: Pick<Work, 'em' | 'now'>,
  speaker: Speaker,
  target: Boostable,
  uri: string | null = null,
): Promise<void> {
  const { ownerId } = await loadSubject(em, speaker, target);
  await assertNoBlock(em, speaker.id, [ownerId]);
  if (!(await isOpen(em, target))) throw new AppError('invalid', 'Only what is public can be passed on.');
  await em.transactional(async (tx) => {
    const [made] = await rows<{ id: string }>(
      tx,
      `insert into boost (id, account_id, ${target.kind}_id, uri, created_at) values (?, ?, ?, ?, ?)
       on conflict do nothing returning id`,
      [newId(), speaker.id, target.id, uri, now()],
    );
    if (made) record(tx, boostCreated, { boostId: made.id });
    await tx.flush();
  });
}

/** Takes it back; one that is not there is fine. */
export async function unboost(
  { em }: Pick<Work, 'em'>,
  speaker: Pick<Speaker, 'id'>,
  target: Boostable,
): Promise<void> {
  await em.transactional(async (tx) => {
    const [gone] = await rows<{ id: string }>(
      tx,
      `delete from boost where account_id = ? and ${target.kind}_id = ? returning id`,
      [speaker.id, target.id],
    );
    if (gone) record(tx, boostRemoved, { boostId: gone.id, accountId: speaker.id });
    await tx.flush();
  });
}

async function isOpen(em: EntityManager, { kind, id }: Boostable): Promise<boolean> {
  const open = kind === 'post' ? "x.visibility in ('public', 'unlisted')" : 'x.listed_at is not null';
  const [row] = await rows<{ open: unknown }>(
    em,
    `select (x.state = 'published' and ${open}) as open from ${kind} x where x.id = ?`,
    [id],
  );
  return toBoolean(row?.open);
}

/** How often something is passed on, and whether by this person. */
export async function loadBoosts(
  em: EntityManager,
  viewerId: number,
  { kind, id }: Boostable,
): Promise<{ boosted: boolean; boostCount: number }> {
  const [row] = await rows<{ n: unknown; mine: unknown }>(
    em,
    `select count(*) as n, count(case when b.account_id = ? then 1 end) as mine from boost b where b.${kind}_id = ?`,
    [viewerId, id],
  );
  return { boosted: toNumber(row?.mine) > 0, boostCount: toNumber(row?.n) };
}
