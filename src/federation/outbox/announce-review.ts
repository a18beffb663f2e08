import { Account, isLocal } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { findHolder } from '../../gallery/talk-pictures/hold.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { laterOf } from '../documents/objects.ts';
import { circleOfReview, reviewDocument } from '../documents/review.ts';
import { OutboxItem } from '../model.ts';
import { buildAnew, buildCreate, buildDelete, buildUpdate } from '../vocabulary/activity.ts';
import { hasItsPictures } from './announce-talk.ts';
import { takenBackAt } from './last-word.ts';
import { mayTell } from './may-tell.ts';
import { passOnAnswer } from './pass-on.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/** Tells of a review of ours, as of a comment: whose model it is of, and those who see that. */
export async function announceReview(work: Task, federation: Federation, reviewId: string): Promise<void> {
  const { em, now } = work;
  const review = await em.findOne(Review, reviewId, { refresh: true });
  if (review && !review.isLocal) return passOnReview(work, federation, review);
  const author = review && (await em.findOne(Account, review.author.id));
  if (!review || !author || !isLocal(author)) return;
  const { followersOf, accountIds } = await circleOfReview(federation, em, review);
  const recipients = { followersOf, accountIds };
  const uri = objectUri(federation.origin, 'review', review);
  const act = { actorUri: actorUri(federation.origin, author) };
  const wasSaid = (await em.count(OutboxItem, { uri: `${uri}#create` })) > 0;
  const goneAt = review.deletedAt ?? review.withheldAt;
  if (goneAt != null) {
    if (!wasSaid) return;
    const tombstone = { uri, formerType: 'Note', deletedAt: goneAt, takedown: null };
    // it may be written anew, and deleted again
    const activity = buildDelete({ ...act, uri: `${uri}#delete-${goneAt.getTime()}` }, tombstone);
    await send(work, federation, author.id, activity, recipients);
    return;
  }
  if (!(await mayTell(em, author, { kind: 'review', id: review.id }))) return;
  if (!(await hasItsPictures(em, { kind: 'review', id: reviewId }))) return;
  const document = await reviewDocument(federation, em, review);
  const takenBack = await takenBackAt(em, uri);
  if (takenBack) {
    await send(work, federation, author.id, buildAnew(act.actorUri, document, takenBack, now()), recipients);
    return;
  }
  const holder = await findHolder(em, { kind: 'review', id: reviewId });
  const pictured = laterOf(review, holder?.updatedAt ?? null);
  if (wasSaid && holder && pictured === null) return;
  const changedAt = pictured ?? review.createdAt;
  const activity = wasSaid
    ? buildUpdate({ ...act, uri: `${uri}#update-${changedAt.getTime()}` }, document, changedAt)
    : buildCreate({ ...act, uri: `${uri}#create` }, document);
  await send(work, federation, author.id, activity, recipients);
}

async function passOnReview(work: Task, federation: Federation, review: Review): Promise<void> {
  const { em } = work;
  const { id, uri } = review;
  if (uri == null) return;
  const model = await em.findOneOrFail(Model, review.model.id);
  const pageOwner = await em.findOneOrFail(Account, model.owner.id);
  const pageUri = objectUri(federation.origin, 'model', model);
  const goneAt = review.deletedAt ?? review.withheldAt ?? null;
  const changedAt = goneAt ?? review.editedAt ?? review.createdAt;
  await passOnAnswer(work, federation, { id, uri, pageUri, pageOwner, changedAt, isForPage: goneAt === null });
}
