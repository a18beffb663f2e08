import { followAccepted } from '../../accounts/events.ts';
import { dropFollower } from '../../accounts/follow.ts';
import { Account, Follow } from '../../accounts/model.ts';
import { record } from '../../kit/events/events.ts';
import { readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { takeOutcome } from '../flags/outcome.ts';
import { takeReceipt } from '../notices/receipt.ts';
import { idOf, singleIdOf, valuesOf } from '../origin.ts';
import type { Handler, InboxWork, IncomingAct } from './act.ts';

/** The answer to a Follow of ours. One that was never sent, or went to somebody else, changes nothing (O15, O16). */
export const accept: Handler = async (work, federation, act) => {
  const told = (await takeOutcome(work, act)) ?? (await takeReceipt(work, federation, act));
  if (told !== null) return told;
  const asked = await findAskedFollow(work, federation, act);
  if (!asked) return 'no such follow';
  if (asked.state === 'accepted') return 'known';
  asked.state = 'accepted';
  record(work.em, followAccepted, {
    followId: asked.id,
    followerId: asked.follower.id,
    targetId: asked.target.id,
  });
  await work.em.flush();
  return 'done';
};

export const reject: Handler = async (work, federation, act) => {
  const told = (await takeOutcome(work, act)) ?? (await takeReceipt(work, federation, act));
  if (told !== null) return told;
  const asked = await findAskedFollow(work, federation, act);
  if (!asked) return 'no such follow';
  await dropFollower(work, asked);
  return 'done';
};

/** By the stored row: its id, or its two ends where the peer leaves the id out; the target must be who answers. */
async function findAskedFollow(
  { em }: InboxWork,
  { origin }: Pick<Federation, 'origin'>,
  { activity, actor, actorId }: IncomingAct,
): Promise<Follow | null> {
  const [object] = valuesOf(activity, 'object');
  const uri = idOf(object);
  const byId = uri === null ? null : await em.findOne(Follow, { uri, target: actor });
  if (byId || typeof object !== 'object' || object.type !== 'Follow') return byId;
  const followerUri = singleIdOf(object, 'actor');
  const named = followerUri === null ? null : readOwnUri(origin, followerUri);
  if (named?.kind !== 'account' || singleIdOf(object, 'object') !== actorId) return null;
  const follower = await em.findOne(Account, { host: '', name: named.name });
  return follower && em.findOne(Follow, { follower, target: actor });
}
