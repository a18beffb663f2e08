import { Account, isLocal } from '../../accounts/model.ts';
import { Comment, Reaction } from '../../gallery/model.ts';
import { findHolder, type TalkKind } from '../../gallery/talk-pictures/hold.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { circleOfComment } from '../documents/circle.ts';
import { commentDocument, commentTarget, isRendered, laterOf, pageOf } from '../documents/objects.ts';
import { findTarget } from '../ingest/target.ts';
import { OutboxItem } from '../model.ts';
import { buildAnew, buildCreate, buildDelete, buildLike, buildUndo, buildUpdate } from '../vocabulary/activity.ts';
import { takenBackAt } from './last-word.ts';
import { mayTell } from './may-tell.ts';
import { passOnComment } from './pass-on.ts';
import { send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/** Tells of a comment of ours, whom it answers, and those who see the page it stands under. */
export async function announceComment(work: Task, federation: Federation, commentId: string): Promise<void> {
  const { em, now } = work;
  const comment = await em.findOne(Comment, commentId, { refresh: true });
  if (comment && !comment.isLocal) return passOnComment(work, federation, comment);
  // a bounty is of this node alone, and so is what is said below it
  if (comment?.bounty != null) return;
  const author = comment && (await em.findOne(Account, comment.author.id));
  if (!comment || !author || !isLocal(author)) return;
  const target = await commentTarget(federation.origin, em, comment);
  const { followersOf, accountIds } = await circleOfComment(federation, em, comment, target);
  const recipients = { followersOf, accountIds };
  const uri = objectUri(federation.origin, 'comment', comment);
  const act = { actorUri: actorUri(federation.origin, author) };
  const wasSaid = (await em.count(OutboxItem, { uri: `${uri}#create` })) > 0;
  const goneAt = comment.deletedAt ?? comment.withheldAt;
  if (goneAt != null) {
    if (!wasSaid) return;
    const tombstone = { uri, formerType: 'Note', deletedAt: goneAt, takedown: null };
    // it may be given back, and withheld again
    const gone = buildDelete({ ...act, uri: `${uri}#delete-${goneAt.getTime()}` }, tombstone);
    await send(work, federation, author.id, gone, recipients);
    return;
  }
  if (!(await mayTell(em, author, { kind: 'comment', id: comment.id }))) return;
  if (!(await hasItsPictures(em, { kind: 'comment', id: commentId }))) return;
  const document = await commentDocument(federation, em, comment);
  const takenBack = await takenBackAt(em, uri);
  if (takenBack) {
    await send(work, federation, author.id, buildAnew(act.actorUri, document, takenBack, now()), recipients);
    return;
  }
  const holder = await findHolder(em, { kind: 'comment', id: commentId });
  const changedAt = laterOf(comment, holder?.updatedAt ?? null);
  // its pictures came one by one
  if (wasSaid && holder && changedAt === null) return;
  const editedAt = changedAt ?? comment.createdAt;
  const activity = wasSaid
    ? buildUpdate({ ...act, uri: `${uri}#update-${editedAt.getTime()}` }, document, editedAt)
    : buildCreate({ ...act, uri: `${uri}#create` }, document);
  await send(work, federation, author.id, activity, recipients);
}

/** Words whose pictures are not rendered yet wait: each rendering ends with another call. */
export async function hasItsPictures(
  em: Work['em'],
  words: { readonly kind: TalkKind; readonly id: string },
): Promise<boolean> {
  const holder = await findHolder(em, words);
  return holder === null || isRendered(em, holder.id);
}

/** A like goes to whose work it is, and to nobody else. */
export async function announceReaction(work: Task, federation: Federation, reactionId: string): Promise<void> {
  const { em } = work;
  const reaction = await em.findOne(Reaction, reactionId);
  const account = reaction && (await em.findOne(Account, reaction.account.id));
  if (!reaction || !account || !isLocal(account)) return;
  const liked = await likedOf(federation, em, reaction);
  const owner = await em.findOne(Account, liked.ownerId);
  if (!owner || isLocal(owner)) return;
  const uri = likeUri(federation.origin, account, reactionId);
  const act = { uri, actorUri: actorUri(federation.origin, account) };
  const like = buildLike(act, liked.uri, actorUri(federation.origin, owner));
  await send(work, federation, account.id, like, { accountIds: [owner.id] });
}

async function likedOf(
  { origin }: Federation,
  em: Work['em'],
  reaction: Reaction,
): Promise<{ uri: string; ownerId: number }> {
  if (!reaction.comment) {
    const { model = null, post = null, image = null, review = null } = reaction;
    return pageOf(origin, em, { model, post, image, review });
  }
  const comment = await em.findOneOrFail(Comment, reaction.comment.id);
  return { uri: objectUri(origin, 'comment', comment), ownerId: comment.author.id };
}

const likeUri = (origin: string, account: Account, reactionId: string): string =>
  `${actorUri(origin, account)}#like-${reactionId}`;

/** The row is gone; what was said of it is repeated inside the Undo. */
export async function announceUnlike(
  work: Task,
  federation: Federation,
  { reactionId, accountId }: { reactionId: string; accountId: number },
): Promise<void> {
  const { em } = work;
  const account = await em.findOne(Account, { id: accountId, host: '' });
  const said = account && (await em.findOne(OutboxItem, { uri: likeUri(federation.origin, account, reactionId) }));
  if (!account || !said) return;
  const like = said.document as Record<string, unknown>;
  const target = await findTarget(em, federation.origin, String(like.object));
  if (!target) return;
  const act = { uri: `${said.uri}-undo`, actorUri: actorUri(federation.origin, account) };
  await send(work, federation, accountId, buildUndo(act, like), { accountIds: [target.ownerId] });
}
