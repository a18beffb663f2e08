import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { newId } from '../../kit/ids.ts';
import { actorUri } from '../addresses.ts';
import { findTarget } from '../ingest/target.ts';
import { QuoteStamp } from '../model.ts';
import { isOwnId, isSameOrigin, singleIdOf } from '../origin.ts';
import { send } from '../outbox/send.ts';
import { stampUri } from '../pages/quote-routes.ts';
import { buildAccept, buildReject } from '../vocabulary/activity.ts';
import type { Handler } from './act.ts';

/**
 * Somebody asks to quote a post of ours (FEP-044f). Public posts may be quoted by everybody whom their author does not
 * block, as their `interactionPolicy` says; the Accept names a stamp that others can look up. For what is not public the
 * answer is the same as for what does not exist (O20).
 */
export const quoteRequest: Handler = async (work, federation, { id, activity, actor, actorId }) => {
  const { em, now } = work;
  const { origin } = federation;
  const targetUri = singleIdOf(activity, 'object');
  const quoteUri = singleIdOf(activity, 'instrument');
  if (targetUri === null || !isOwnId(targetUri, origin)) return 'names nothing here';
  if (quoteUri === null || !isSameOrigin(quoteUri, actorId, origin)) return 'names no post of theirs';
  const target = await findTarget(em, origin, targetUri);
  if (!target?.isPublic || !target.isLocal) return 'names nothing here';
  const owner = await em.findOneOrFail(Account, target.ownerId);
  const request = { type: 'QuoteRequest', id, actor: actorId, object: targetUri, instrument: quoteUri };
  const owned = { actorUri: actorUri(origin, owner) };
  if (await isBlockedEither({ em }, actor.id, owner.id)) {
    const answer = buildReject({ ...owned, uri: `${owned.actorUri}#quote-${newId()}` }, request, actorId);
    await send(work, federation, owner.id, answer, { accountIds: [actor.id] });
    return 'rejected';
  }
  const known = await em.findOne(QuoteStamp, { quoteUri });
  if (known && known.targetUri !== targetUri) return 'quotes something else';
  const stamp =
    known ??
    em.create(
      QuoteStamp,
      { id: newId(), account: owner, targetUri, quoteUri, requestUri: id, createdAt: now() },
      { persist: true },
    );
  await em.flush();
  const uri = `${owned.actorUri}#quote-${stamp.id}`;
  const answer = buildAccept({ ...owned, uri }, request, actorId);
  await send(work, federation, owner.id, { ...answer, result: stampUri(origin, stamp.id) }, { accountIds: [actor.id] });
  return 'done';
};
