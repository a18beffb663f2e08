import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { Comment, Post } from '../model.ts';
import { Review } from '../reviews/model.ts';
import { removeHolder, removePictures } from './hold.ts';

/** After words were deleted: their pictures go too. Those of words that were only withheld wait with them. */
export const clearTalkPicturesJob = defineJob({
  name: 'gallery.clear-talk-pictures',
  lane: 'clock',
  payload: z.object({ kind: z.enum(['comment', 'review']), id: z.string() }),
  attempts: 10,
  async run({ em }, { kind, id }) {
    await em.transactional(async (tx) => {
      const where = { id, deletedAt: null };
      const isThere = kind === 'comment' ? await tx.count(Comment, where) : await tx.count(Review, where);
      if (isThere === 0) await removePictures(tx, { kind, id });
    });
  },
});

/** Words that went with their page say nothing of it. */
export async function sweepTalkPictures({ em }: Pick<Work, 'em'>): Promise<void> {
  const found = await rows<{ id: number }>(
    em,
    `select p.id from post p where p.talk_kind is not null
       and not exists (select 1 from comment c where c.id = p.talk_id and p.talk_kind = 'comment' and c.deleted_at is null)
       and not exists (select 1 from review r where r.id = p.talk_id and p.talk_kind = 'review' and r.deleted_at is null)
       and not exists (select 1 from bounty b where b.id = p.talk_id and p.talk_kind = 'bounty')
     order by p.id limit 1000`,
  );
  for (const { id } of found) await em.transactional((tx) => removeHolder(tx, id));
}

/** Of somebody who left, also where their words are withheld. */
export async function removeTalkPicturesOf({ em }: Pick<Work, 'em'>, accountId: number): Promise<void> {
  const found = await em.find(Post, { owner: accountId, talkKind: { $ne: null } }, { fields: ['id'] });
  for (const { id } of found) await em.transactional((tx) => removeHolder(tx, id));
}
