import { Account } from '../../accounts/model.ts';
import { Comment } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { readDocument } from '../actors/load.ts';
import { removeComment } from '../ingest/ingest-comment.ts';
import { fetchNote } from '../ingest/ingest-note.ts';
import { removeReview } from '../ingest/ingest-review.ts';
import { findTarget, type Target } from '../ingest/target.ts';
import { isOwnId, isSameOrigin, singleIdOf } from '../origin.ts';
import { timeOf } from '../vocabulary/read.ts';
import type { Handler, InboxWork, IncomingAct } from './act.ts';

/** Is the list that it is about one of answers, by its address? */
export const namesAnswers = ({ activity }: Pick<IncomingAct, 'activity'>): boolean =>
  singleIdOf(activity, 'target')?.endsWith('/replies') ?? false;

/**
 * Whoever owns a page tells those who follow it of the answers that others gave (FEP-171b, "conversation containers"):
 * the author's server knows nothing of them. The owner's word makes us look; what is written is read at the answer's own
 * address.
 */
export const addAnswer: Handler = async (work, federation, act) => {
  const { em, now } = work;
  if (!(await findOwnPage(work, federation.origin, act))) return 'not a list of answers that is known here';
  const uri = singleIdOf(act.activity, 'object');
  if (uri === null || isOwnId(uri, federation.origin)) return 'of ours';
  const known = (await em.findOne(Comment, { uri })) ?? (await em.findOne(Review, { uri }));
  const changedAt = timeOf(act.activity, 'updated', now());
  if (known && (changedAt === null || changedAt <= (known.editedAt ?? known.createdAt))) return 'known';
  return fetchNote(work, federation, uri, 'if followed');
};

/** The answer is asked for once more, and goes when its own server no longer has it. */
export const removeAnswer: Handler = async (work, federation, act) => {
  if (!(await findOwnPage(work, federation.origin, act))) return 'not a list of answers that is known here';
  const uri = singleIdOf(act.activity, 'object');
  const where = { uri: uri ?? '', isLocal: false, deletedAt: null };
  const known = await work.em.findOne(Comment, where);
  if (uri === null || (!known && (await work.em.count(Review, where)) === 0)) return 'not known here';
  if (await readDocument(work, federation, uri, 0)) return 'still there';
  if (known) await removeComment(work, known.id);
  else await removeReview(work, uri);
  return 'done';
};

/** The page of the actor's own whose list of answers is meant; null when it is another's, ours, or unknown. */
async function findOwnPage(
  { em }: Pick<InboxWork, 'em'>,
  origin: string,
  { activity, actor, actorId }: IncomingAct,
): Promise<Target | null> {
  const list = singleIdOf(activity, 'target');
  if (list === null || !list.endsWith('/replies') || !isSameOrigin(list, actorId, origin)) return null;
  const page = await findTarget(em, origin, list.slice(0, -'/replies'.length));
  if (!page || page.isLocal || page.kind === 'comment') return null;
  return (await em.count(Account, { id: page.ownerId, uri: actor.uri ?? '' })) > 0 ? page : null;
}
