import { isBlockedEither } from '../../accounts/block.ts';
import { Share, share } from '../../gallery/shares.ts';
import { findTarget } from '../ingest/target.ts';
import type { InboxWork, IncomingAct } from './act.ts';

/** A boost of something of ours is counted. Who boosted it is told to nobody. */
export async function shareOurs(
  { em, now }: InboxWork,
  origin: string,
  uri: string,
  { id, actor }: Pick<IncomingAct, 'id' | 'actor'>,
): Promise<string> {
  const target = await findTarget(em, origin, uri);
  // the same answer as for what does not exist (O20, P08)
  if (!target?.isPublic || (await isBlockedEither({ em }, actor.id, target.ownerId))) return 'shares nothing here';
  await share({ em, now }, actor.id, target, id);
  return 'done';
}

/** Takes a boost back, by the id of its activity or by what was boosted. Null when it is not known here. */
export async function undoShare(
  { em }: Pick<InboxWork, 'em'>,
  origin: string,
  actorId: number,
  { uri, about }: { readonly uri: string | null; readonly about: string | null },
): Promise<string | null> {
  if (uri !== null && (await em.nativeDelete(Share, { uri, account: actorId })) > 0) return 'done';
  const target = about === null ? null : await findTarget(em, origin, about);
  if (!target) return null;
  return (await em.nativeDelete(Share, { account: actorId, [target.kind]: target.id })) > 0 ? 'done' : null;
}
