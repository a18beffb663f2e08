import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import type { Work } from '../kit/work.ts';
import { accountBlocked, accountUnblocked, followRejected, followUndone } from './events.ts';
import { Account, Block, Follow } from './model.ts';

/** A block cuts all ties both ways; a mute is known to nobody but the viewer. Again is the same, and changes the kind. */
export async function blockAccount(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  targetId: number,
  kind: 'block' | 'mute',
): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const target = await em.findOne(Account, { id: targetId });
  if (!target) throw new AppError('not_found', 'There is no such account.');
  if (target.id === viewer.id) throw new AppError('invalid', 'That would be you.');
  const known = await em.findOne(Block, { account: viewer.id, target });
  // a mute does not weaken a block
  if (known?.kind === 'block' || known?.kind === kind) return;
  if (known) known.kind = kind;
  else {
    const account = em.getReference(Account, viewer.id);
    em.persist(em.create(Block, { id: newId(), account, target, kind, createdAt: now() }));
  }
  if (kind === 'block') {
    await cutTies({ em }, viewer.id, target.id);
    record(em, accountBlocked, { accountId: viewer.id, targetId: target.id });
  }
  await em.flush();
}

async function cutTies({ em }: Pick<Work, 'em'>, accountId: number, targetId: number): Promise<void> {
  const pair = [accountId, targetId];
  for (const follow of await em.find(Follow, { follower: { $in: pair }, target: { $in: pair } })) {
    const isOwn = follow.follower.id === accountId;
    const payload = { followId: follow.id, followerId: follow.follower.id, targetId: follow.target.id };
    record(em, isOwn ? followUndone : followRejected, { ...payload, uri: follow.uri ?? null });
    em.remove(follow);
  }
}

/** Takes a block or a mute back; one that is not there is fine. */
export async function unblockAccount({ em, viewer }: Pick<Work, 'em' | 'viewer'>, targetId: number): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const known = await em.findOne(Block, { account: viewer.id, target: targetId });
  if (!known) return;
  if (known.kind === 'block') record(em, accountUnblocked, { accountId: viewer.id, targetId });
  await em.remove(known).flush();
}

/** Does one of the two block the other? */
export async function isBlockedEither({ em }: Pick<Work, 'em'>, oneId: number, otherId: number): Promise<boolean> {
  const pair = [oneId, otherId];
  return (await em.count(Block, { kind: 'block', account: { $in: pair }, target: { $in: pair } })) > 0;
}

/** The same in SQL, of whoever `person` names and all those at `places`, whose ids it takes twice: no block is between them. */
export const unblockedSql = (person: string, places = '?'): string =>
  `not exists (select 1 from block b where b.kind = 'block' and ((b.account_id = ${person} and b.target_id in (${places}))
    or (b.target_id = ${person} and b.account_id in (${places}))))`;

export async function listBlocks({ em, viewer }: Pick<Work, 'em' | 'viewer'>) {
  if (!viewer) return [];
  const blocks = await em.find(
    Block,
    { account: viewer.id },
    { populate: ['target'], orderBy: { createdAt: 'desc' }, limit: 500 },
  );
  return blocks.map(({ kind, target }) => ({ kind, account: target.$ }));
}
