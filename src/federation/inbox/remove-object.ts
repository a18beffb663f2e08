import { Image } from '../../gallery/model.ts';
import { markImages, removePost } from '../../gallery/posts/delete.ts';
import type { Federation } from '../deps.ts';
import { dropCollection } from '../ingest/ingest-collection.ts';
import { removeComment } from '../ingest/ingest-comment.ts';
import { removeModel } from '../ingest/ingest-model.ts';
import { removeReview } from '../ingest/ingest-review.ts';
import { findTarget } from '../ingest/target.ts';
import type { InboxWork } from './act.ts';

/** What its home took back goes here, whatever it is. Says what came of it. */
export async function removeObject(
  work: InboxWork,
  { origin }: Pick<Federation, 'origin'>,
  uri: string,
): Promise<'done' | 'not known here'> {
  const { em } = work;
  if (await removeReview(work, uri)) return 'done';
  if (await dropCollection(work, uri)) return 'done';
  const target = await findTarget(em, origin, uri);
  if (!target || target.isLocal) return 'not known here';
  if (target.kind === 'post') await removePost({ ...work, viewer: null }, Number(target.id));
  if (target.kind === 'model') await removeModel(work, Number(target.id));
  if (target.kind === 'comment') await removeComment(work, String(target.id));
  if (target.kind === 'image') {
    await markImages(work, { id: Number(target.id) });
    await em.nativeDelete(Image, { id: Number(target.id) });
  }
  return 'done';
}
