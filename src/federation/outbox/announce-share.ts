import { Account, isLocal } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Post } from '../../gallery/model.ts';
import { Share } from '../../gallery/shares.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { OutboxItem } from '../model.ts';
import { buildAnnounce, buildUndo } from '../vocabulary/activity.ts';
import { mayTell } from './may-tell.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const shareUri = (origin: string, account: Account, shareId: string): string =>
  `${actorUri(origin, account)}#share-${shareId}`;

/** One of ours passes something on: their followers hear it, and whose work it is. */
export async function announceShare(work: Task, federation: Federation, shareId: string): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  const share = await em.findOne(Share, shareId);
  const account = share && (await em.findOne(Account, share.account.id));
  if (!share || !account || !isLocal(account)) return;
  const target = share.post ? await em.findOne(Post, share.post.id) : await em.findOne(Model, share.model?.id ?? 0);
  const owner = target && (await em.findOne(Account, target.owner.id));
  const kind = share.post ? 'post' : 'model';
  if (!target || !owner || !(await mayTell(em, account, { kind, id: target.id }))) return;
  const announce = buildAnnounce(
    { uri: shareUri(origin, account, shareId), actorUri: actorUri(origin, account) },
    objectUri(origin, kind, target),
    followersUri(origin, account.name),
    actorUri(origin, owner),
    share.createdAt,
  );
  await send(work, federation, account.id, announce, { followersOf: [account.id], accountIds: [owner.id] });
}

/** The row is gone; what was said of it is repeated inside the Undo. */
export async function announceUnshare(
  work: Task,
  federation: Federation,
  { shareId, accountId }: { shareId: string; accountId: number },
): Promise<void> {
  const { em } = work;
  const account = await em.findOne(Account, { id: accountId, host: '' });
  const said = account && (await em.findOne(OutboxItem, { uri: shareUri(federation.origin, account, shareId) }));
  if (!account || !said) return;
  const announce = said.document as { readonly cc?: readonly string[] };
  const owner = await em.findOne(Account, { uri: { $in: [...(announce.cc ?? [])] } });
  const act = { uri: `${said.uri}-undo`, actorUri: actorUri(federation.origin, account) };
  await send(work, federation, accountId, buildUndo(act, said.document as Record<string, unknown>), {
    followersOf: [accountId],
    ...(owner ? { accountIds: [owner.id] } : {}),
  });
}
