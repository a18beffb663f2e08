import { z } from 'zod';
import { record } from '../kit/events/events.ts';
import { isId } from '../kit/ids.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { freeWords } from '../safety/words/hold.ts';
import { commentCreated } from './events.ts';
import { Comment } from './model.ts';
import { Review } from './reviews/model.ts';
import { showReview } from './reviews/write.ts';
import { restoreComment } from './talk/comments.ts';

const KINDS = ['model', 'post', 'collection', 'comment', 'review'] as const;

/**
 * After `safety.decided` about words: what was kept back because of them is shown, unless a decision keeps it back too.
 * What was refused stays as it is.
 */
export const showWordsJob = defineJob({
  name: 'gallery.show-words',
  lane: 'clock',
  payload: z.object({ kind: z.enum(KINDS), id: z.string() }),
  attempts: 10,
  run: (work, { kind, id }) => showWords(work, kind, id),
});

async function showWords({ em, now }: Pick<Work, 'em' | 'now'>, kind: (typeof KINDS)[number], id: string) {
  if (kind !== 'comment' && kind !== 'review') {
    await em.transactional(async (tx) => {
      await freeWords(tx, { kind, id: Number(id) }, now());
      await tx.flush();
    });
  } else if (kind === 'review') {
    if ((await em.count(Review, { id, deletedAt: null })) > 0) await showReview({ em }, id);
  } else if (isId(id)) {
    const comment = await em.findOne(Comment, { id, deletedAt: null, withheldAt: { $ne: null } });
    if (!comment) return;
    await restoreComment({ em }, id);
    // nobody was told of it while it waited
    if (comment.editedAt != null) return;
    record(em, commentCreated, { commentId: id });
    await em.flush();
  }
}

export const heldWords = (kind: string, id: string, outcome: string) => {
  const known = KINDS.find((one) => one === kind);
  return known && outcome === 'released' ? { kind: known, id } : null;
};
