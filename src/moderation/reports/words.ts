import type { EntityManager } from '@mikro-orm/core';
import {
  BOUNTY_WORDS,
  countBountyWords,
  showBountyWords,
  withholdBountyWords,
} from '../../economy/bounties/withhold.ts';
import { Comment } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { showReview, withholdReview } from '../../gallery/reviews/write.ts';
import { restoreComment, withholdComment } from '../../gallery/talk/comments.ts';
import type { Work } from '../../kit/work.ts';

/** A comment, a review, a bounty or an answer to one: withheld by a time of its own, without a takedown. */
interface Words {
  readonly kind: string;
  readonly id: string;
}

const ofBounty = (kind: string) => BOUNTY_WORDS.find((one) => one === kind);

export const isWords = ({ kind }: Pick<Words, 'kind'>): boolean =>
  kind === 'comment' || kind === 'review' || ofBounty(kind) !== undefined;

const countWhere = (em: EntityManager, kind: string, where: object): Promise<number> =>
  kind === 'comment' ? em.count(Comment, where) : em.count(Review, where);

/** Kept, shown to nobody, counted nowhere. Nothing to do for what is gone or withheld already. */
export async function withholdWords(work: Pick<Work, 'em' | 'now'>, { kind, id }: Words): Promise<void> {
  const bounty = ofBounty(kind);
  if (bounty) {
    await withholdBountyWords(work, bounty, id);
    return;
  }
  if ((await countWhere(work.em, kind, { id, deletedAt: null, withheldAt: null })) === 0) return;
  if (kind === 'comment') await withholdComment(work, id);
  else await withholdReview(work, id);
}

/** Withheld, and still there to be shown again. */
export async function areWithheld(em: EntityManager, words: Words): Promise<boolean> {
  const bounty = ofBounty(words.kind);
  if (bounty) return (await countBountyWords(em, bounty, words.id)) > 0;
  if (!isWords(words)) return false;
  return (await countWhere(em, words.kind, { id: words.id, deletedAt: null, withheldAt: { $ne: null } })) > 0;
}

export async function showWordsAgain(work: Pick<Work, 'em'>, words: Words): Promise<void> {
  if (!(await areWithheld(work.em, words))) return;
  const bounty = ofBounty(words.kind);
  if (bounty) await showBountyWords(work, bounty, words.id);
  else if (words.kind === 'comment') await restoreComment(work, words.id);
  else await showReview(work, words.id);
}
