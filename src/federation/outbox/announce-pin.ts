import { Account } from '../../accounts/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, featuredUri, followersUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { buildAdd, buildRemove } from '../vocabulary/activity.ts';
import { mayTell } from './may-tell.ts';
import { send } from './send.ts';

export interface PinChange {
  readonly pinId: string;
  readonly accountId: number;
  readonly kind: 'model' | 'post';
  readonly targetId: number;
  readonly isPinned: boolean;
}

/** Followers elsewhere hear what is kept at the top of a profile here. */
export async function announcePin(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  { pinId, accountId, kind, targetId, isPinned }: PinChange,
): Promise<void> {
  const { origin } = federation;
  const account = await work.em.findOne(Account, { id: accountId, host: '', state: 'active' });
  if (!account || (isPinned && !(await mayTell(work.em, account, { kind, id: targetId })))) return;
  const actor = actorUri(origin, account);
  const build = isPinned ? buildAdd : buildRemove;
  const activity = build(
    { uri: `${actor}#${isPinned ? 'pin' : 'unpin'}-${pinId}`, actorUri: actor },
    objectUri(origin, kind, { id: targetId }),
    featuredUri(origin, account.name),
    followersUri(origin, account.name),
  );
  await send(work, federation, accountId, activity, { followersOf: [accountId] });
}
