import { Account } from '../../accounts/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { send } from '../outbox/send.ts';
import { buildMove } from '../vocabulary/activity.ts';

/** Tells the followers elsewhere where an account of ours went; their servers check both ends and carry them over. */
export async function announceMove(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  accountId: number,
): Promise<void> {
  const account = await work.em.findOne(Account, { id: accountId, host: '', state: 'active' });
  // it was cancelled since
  if (account?.movedToUri == null || account.movedAt == null) return;
  const uri = actorUri(federation.origin, account);
  const act = { uri: `${uri}#move-${account.movedAt.getTime()}`, actorUri: uri };
  const activity = buildMove(act, account.movedToUri, followersUri(federation.origin, account.name));
  await send(work, federation, accountId, activity, { followersOf: [accountId] });
}
