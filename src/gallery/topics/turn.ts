import { followAccount, unfollowAccount } from '../../accounts/follow.ts';
import { Tag } from '../../catalogue/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { GalleryDeps } from '../deps.ts';
import { findFeedUri, followTopic, unfollowTopic } from './follow.ts';
import type { TopicKind } from './model.ts';

/** Follows or unfollows as the viewer. A model or collection of elsewhere is followed as the actor that tells of it. */
export async function turnTopic(
  work: Work,
  { findPeer }: Pick<GalleryDeps, 'findPeer'>,
  { kind, id }: { readonly kind: TopicKind; readonly id: number },
  isOn: boolean,
): Promise<void> {
  const feedUri = await findFeedUri(work.em, kind, id);
  if (feedUri === null) {
    if (isOn) await followTopic(work, kind, id);
    else await unfollowTopic(work, kind, id);
    return;
  }
  const accountId = await findPeer?.(work, feedUri);
  if (accountId == null) throw new AppError('unavailable', 'Its server does not answer. Try again later.');
  if (isOn) await followAccount(work, accountId);
  else await unfollowAccount(work, accountId);
}

/** A tag by its name. Throws `not_found`. */
export async function loadTag({ em }: Pick<Work, 'em'>, text: string): Promise<Tag> {
  const name = text.toLowerCase();
  const tag = name.includes('\0') ? null : await em.findOne(Tag, { name });
  if (!tag) throw new AppError('not_found', 'There is no such tag.');
  return tag;
}
