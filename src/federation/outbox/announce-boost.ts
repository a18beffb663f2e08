import { Account, isLocal } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Boost, Post } from '../../gallery/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { OutboxItem } from '../model.ts';
import { buildAnnounce, buildUndo } from '../vocabulary/activity.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const boostUri = (origin: string, account: Account, boostId: string): string =>
  `${actorUri(origin, account)}#boost-${boostId}`;

/** One of ours passes something on: their followers hear it, and whose work it is. */
export async function announceBoost(work: Task, federation: Federation, boostId: string): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  const boost = await em.findOne(Boost, boostId);
  const account = boost && (await em.findOne(Account, boost.account.id));
  if (!boost || !account || !isLocal(account)) return;
  const target = boost.post ? await em.findOne(Post, boost.post.id) : await em.findOne(Model, boost.model?.id ?? 0);
  const owner = target && (await em.findOne(Account, target.owner.id));
  if (!target || !owner) return;
  const announce = buildAnnounce(
    { uri: boostUri(origin, account, boostId), actorUri: actorUri(origin, account) },
    objectUri(origin, boost.post ? 'post' : 'model', target),
    followersUri(origin, account.name),
    actorUri(origin, owner),
    boost.createdAt,
  );
  await send(work, federation, account.id, announce, { followersOf: [account.id], accountIds: [owner.id] });
}

/** The row is gone; what was said of it is repeated inside the Undo. */
export async function announceUnboost(
  work: Task,
  federation: Federation,
  { boostId, accountId }: { boostId: string; accountId: number },
): Promise<void> {
  const { em } = work;
  const account = await em.findOne(Account, { id: accountId, host: '' });
  const said = account && (await em.findOne(OutboxItem, { uri: boostUri(federation.origin, account, boostId) }));
  if (!account || !said) return;
  const announce = said.document as { readonly cc?: readonly string[] };
  const owner = await em.findOne(Account, { uri: { $in: [...(announce.cc ?? [])] } });
  const act = { uri: `${said.uri}-undo`, actorUri: actorUri(federation.origin, account) };
  await send(work, federation, accountId, buildUndo(act, said.document as Record<string, unknown>), {
    followersOf: [accountId],
    ...(owner ? { accountIds: [owner.id] } : {}),
  });
}
