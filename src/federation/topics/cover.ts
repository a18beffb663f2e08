import type { EntityManager } from '@mikro-orm/core';
import type { Topic } from '../../gallery/topics/topic.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { listTold, type Told } from './documents.ts';

/** A face stands before everybody unasked: PG and PG-13. */
const SAFE = '(1, 2)';
/** Of the newest things that a topic tells of. */
const MOST_LOOKED_AT = 10;

/** A public picture of what a topic tells of: the cover of a model, else the newest of what is gathered. Null without one. */
export async function findCover(
  em: EntityManager,
  { kind, id }: Pick<Topic, 'kind' | 'id'>,
): Promise<{ path: string; mediaType: string } | null> {
  const told = await listTold(em, kind, id, MOST_LOOKED_AT);
  const idsOf = (wanted: Told['kind']) => told.flatMap((one) => (one.kind === wanted ? one.id : []));
  const [models, posts, images] = [idsOf('model'), idsOf('post'), idsOf('image')];
  const [found] = await rows<{ id: number; target_width: number }>(
    em,
    `select i.id, s.target_width from image i join image_size s on s.image_id = i.id
     where s.format = 'webp' and s.target_width in (0, 320) and i.is_local = ? and i.listed_at is not null
       and i.deleted_at is null and i.level in ${SAFE} and (i.post_id in (${inList(posts)}) or i.id in (${inList(images)})
         or i.id in (select m.cover_image_id from model m where m.id in (${inList(models)})))
     order by i.post_id desc, i.position, i.id, s.target_width desc limit 1`,
    [true, ...posts, ...images, ...models],
  );
  return found
    ? {
        path: `/media/${found.target_width === 0 ? 'full' : found.target_width}/${found.id}.webp`,
        mediaType: 'image/webp',
      }
    : null;
}
