import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { inList, rows } from '../kit/database/sql.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { RESTRICTION } from '../safety/policy.ts';
import { RATING } from '../safety/ratings.ts';
import { COLLECT_COUNT } from './collections/collect-count.ts';
import { REVIEW_COUNT } from './reviews/review-count.ts';
import { COMMENT_COUNT } from './talk/comment-count.ts';

/**
 * Sets what models show of their pictures from the pictures themselves: how many were made with them, the cover, and the
 * rating; and the thumbs of their versions. The cover is the first picture of the owner's earliest post in the gallery of the newest version that has
 * one, among the posts that all who see the model may see; the rating is the OR of all of the owner's pictures there, and stays the author's own word while there are none.
 */
async function refreshModelFigures(em: EntityManager, modelIds: readonly number[]): Promise<void> {
  const ids = [...new Set(modelIds)];
  if (ids.length === 0) return;
  await rows(
    em,
    `update model_version set image_count = (select count(distinct r.image_id) from resource_use r
       join image i on i.id = r.image_id where r.version_id = model_version.id and i.listed_at is not null),
       ${REVIEW_COUNT}
     where model_id in (${inList(ids)}) returning id`,
    ids,
  );
  const ownPictures = `from model_version v join post p on p.version_id = v.id and p.owner_id = model.owner_id
    join image i on i.post_id = p.id where v.model_id = model.id and i.shown_at is not null
      and (i.listed_at is not null or p.visibility = model.visibility
        or (p.visibility = 'unlisted' and model.visibility = 'followers'))
      and (i.level = ${RATING.pg} or not exists (select 1 from policy_state s where s.target_kind = 'model'
        and s.target_id = model.id and (s.restrictions & ${RESTRICTION.explicit}) <> 0))`;
  // SQLite has no bit_or: one sum of distinct bits does the same
  await rows(
    em,
    `update model set
       image_count = (select count(distinct r.image_id) from resource_use r
         join image i on i.id = r.image_id where r.model_id = model.id and i.listed_at is not null),
       cover_image_id = (select i.id ${ownPictures} order by v.position, v.id desc, p.id, i.position, i.id limit 1),
       level = coalesce((select sum(distinct i.level) ${ownPictures}), level)
     where id in (${inList(ids)}) returning id`,
    ids,
  );
}

export const refreshModelsJob = defineJob({
  name: 'gallery.refresh-models',
  lane: 'media',
  payload: z.object({ modelIds: z.array(z.int()) }),
  attempts: 5,
  run: ({ em }, { modelIds }) => refreshModelFigures(em, modelIds),
});

const BATCH = 200;

/** Counts everything that is kept as a number anew, in batches, so that no mistake stays for longer than a day. */
export async function repairFigures({ em }: Pick<Work, 'em'>, signal: AbortSignal): Promise<void> {
  for (const table of ['model', 'post', 'image', 'comment', 'review'] as const) {
    const isNumbered = table !== 'comment' && table !== 'review';
    for (let after = isNumbered ? 0 : ''; !signal.aborted; ) {
      const batch: { id: number | string }[] = await rows(
        em,
        after === ''
          ? `select id from ${table} order by id limit ?`
          : `select id from ${table} where id > ? order by id limit ?`,
        after === '' ? [BATCH] : [after, BATCH],
      );
      const last = batch.at(-1);
      if (!last) break;
      const ids = batch.map(({ id }) => id);
      if (table === 'model') await refreshModelFigures(em, ids.map(Number));
      await recountTalk(em, table, ids);
      after = last.id;
    }
  }
}

/** Likes and comments from their rows. */
async function recountTalk(
  em: EntityManager,
  table: 'model' | 'post' | 'image' | 'comment' | 'review',
  ids: readonly (number | string)[],
): Promise<void> {
  const likes = table === 'model' ? 'thumbs_up_count' : 'like_count';
  const sets = [`${likes} = (select count(*) from reaction r where r.${table}_id = ${table}.id)`];
  if (table !== 'comment') sets.push(COMMENT_COUNT[table]);
  if (table === 'model' || table === 'image') sets.push(COLLECT_COUNT[table]);
  await rows(em, `update ${table} set ${sets.join(', ')} where id in (${inList(ids)}) returning id`, ids);
}
