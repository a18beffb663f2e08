import { Account, Follow } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { Comment, Post, Reaction } from '../../gallery/model.ts';
import { removePost } from '../../gallery/posts/delete.ts';
import { deleteReviewsOf } from '../../gallery/reviews/write.ts';
import { Share } from '../../gallery/shares.ts';
import { TopicFollow } from '../../gallery/topics/model.ts';
import { takeAdvice } from '../heeding/advice.ts';
import { answer, heed } from '../heeding/heed.ts';
import { listBlobs, purgeBytesJob } from '../heeding/purge.ts';
import { removeComment } from '../ingest/ingest-comment.ts';
import { removeModel } from '../ingest/ingest-model.ts';
import { RemoteActor, ApObject as StoredObject, Tombstone } from '../model.ts';
import { readTakedown } from '../notices/wire.ts';
import { idOf, mayDelete, valuesOf } from '../origin.ts';
import { timeOf } from '../vocabulary/read.ts';
import type { Handler, InboxWork } from './act.ts';
import { removeObject } from './remove-object.ts';

/**
 * Allowed to everybody of the object's origin: that is how a peer's moderators remove things (O10). The tombstone comes
 * first, so that a Create that arrives late brings nothing back.
 */
export const deleteObject: Handler = async (work, federation, act) => {
  const { activity, actorId, actor } = act;
  const { em, now } = work;
  const [object] = valuesOf(activity, 'object');
  const uri = idOf(object);
  if (uri === null) return 'no object';
  const asked = readTakedown(activity);
  if (!mayDelete({ id: uri, ownerId: actorId }, actorId, federation.origin)) {
    return asked ? takeAdvice(work, federation, act, uri, asked) : 'of another host';
  }
  // before anything goes: marks by id and digest stand first, so that nothing late brings it back
  const notice = asked && (await heed(work, federation, act, uri, asked, 'removal'));
  const digests = notice ? await listBlobs(em, federation.origin, uri) : [];
  const done = async (outcome: string) => {
    if (!notice) return outcome;
    if (digests.length > 0) work.jobs.enqueue(em, purgeBytesJob, { digests: [...digests] });
    await answer(work, federation, notice);
    await em.flush();
    return outcome;
  };
  const at = (typeof object === 'object' ? timeOf(object, 'deleted', now()) : null) ?? now();
  await em.upsert(
    Tombstone,
    { uri, actorUri: actorId, deletedAt: at },
    { onConflictAction: 'merge', onConflictFields: ['uri'] },
  );
  await em.nativeDelete(StoredObject, { uri });
  if (uri === actorId) {
    await removeAccount(work, actor);
    return done('done');
  }
  return done(await removeObject(work, federation, uri));
};

/** The account is gone at home: everything of it goes here. The row stays as a mark. */
async function removeAccount(work: InboxWork, account: Account): Promise<void> {
  const { em, now } = work;
  const own = { owner: account.id };
  for (const { id } of await em.find(Post, { ...own, state: { $ne: 'deleted' } })) {
    await removePost({ ...work, viewer: null }, id);
  }
  for (const { id } of await em.find(Model, { ...own, state: { $ne: 'deleted' } })) await removeModel(work, id);
  for (const { id } of await em.find(Comment, { author: account.id, deletedAt: null })) await removeComment(work, id);
  await deleteReviewsOf(work, account.id);
  await em.transactional(async (inner) => {
    await inner.nativeDelete(Reaction, { account: account.id });
    await inner.nativeDelete(Share, { account: account.id });
    await inner.nativeDelete(Collection, { owner: account.id });
    await inner.nativeDelete(TopicFollow, { follower: account.id });
    await inner.nativeDelete(Follow, { follower: account.id });
    await inner.nativeDelete(Follow, { target: account.id });
    await inner.nativeDelete(RemoteActor, { account: account.id });
    const blank = { displayName: '', bio: '', links: [], avatarSha256: null, bannerSha256: null };
    await inner.nativeUpdate(Account, { id: account.id }, { ...blank, state: 'deleted', deletedAt: now() });
  });
}
