import { z } from 'zod';
import { seesModel } from '../../catalogue/access.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { postUpdated } from '../events.ts';
import { type Image, ResourceUse } from '../model.ts';
import { loadOwnImage } from '../posts/delete.ts';
import { isSettled, relistPost } from '../posts/relist.ts';
import { loadWords } from '../posts/words.ts';
import { addVersionUse } from './made-with.ts';
import { renderImageJob } from './render.ts';

export const ImageForm = z.object({
  rating: z.coerce.number().refine((level) => (RATINGS as readonly number[]).includes(level), 'Choose a rating.'),
  alt: z.string().trim().max(1500, 'A description has at most 1,500 characters.').default(''),
  caption: z.string().trim().max(5_000, 'A caption has at most 5,000 characters.').default(''),
  hideRecipe: z.literal('1').optional().catch(undefined),
});

type Editing = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/** By its owner. Returns the id of the post. What is handed out is made anew when the recipe is hidden or shown, and never handed out stale. */
export async function editImage(
  { em, viewer, jobs, words, now }: Editing & Pick<Work, 'words'>,
  imageId: number,
  { rating, alt, caption, hideRecipe }: z.output<typeof ImageForm>,
  allowedLevels: number,
): Promise<number> {
  if ((rating & allowedLevels) === 0) {
    const message = `This node does not take pictures rated ${ratingLabel(rating)}.`;
    throw new AppError('invalid', message, { fields: { rating: message } });
  }
  const heldFor = await readChange({ em: em.fork(), viewer, words }, imageId, { level: rating, altText: alt, caption });
  return em.transactional(async (tx) => {
    const { image, post } = await loadOwnImage({ em: tx, viewer }, imageId);
    assertWithin(rating, image);
    if (rating !== image.level && (await isSettled(tx, image.id, post.id))) {
      throw new AppError('invalid', t('takedown.settled'), { fields: { rating: t('takedown.settled') } });
    }
    const isRecipeHidden = hideRecipe === '1';
    if (isRecipeHidden !== image.isRecipeHidden) {
      Object.assign(image, { isRecipeHidden, cleanSha256: null });
      jobs.enqueue(tx, renderImageJob, { imageId }, { dedupeKey: `image:${imageId}` });
    }
    Object.assign(image, { level: rating, altText: alt, caption });
    post.updatedAt = now();
    if (heldFor !== null) await holdWords(tx, { kind: 'post', id: post.id }, post.owner.id, heldFor, now());
    await relistPost({ em: tx, jobs }, post);
    if (post.state === 'published') record(tx, postUpdated, { postId: post.id });
    await tx.flush();
    return post.id;
  });
}

/** As it changes, with all that stands around it. A draft is read when it is published. */
async function readChange(
  { em, viewer, words }: Pick<Work, 'em' | 'viewer' | 'words'>,
  imageId: number,
  change: Pick<Image, 'level' | 'altText' | 'caption'>,
): Promise<string | null> {
  const { image, post } = await loadOwnImage({ em, viewer }, imageId);
  const isSame = image.level === change.level && image.altText === change.altText && image.caption === change.caption;
  if (!viewer || isSame || (post.state !== 'published' && post.state !== 'scheduled')) return null;
  const { level, texts } = await loadWords(em, post);
  const fields = [`alt-${imageId}`, `caption-${imageId}`];
  const others = texts.filter(({ field = '' }) => !fields.includes(field));
  const own = [
    { scope: 'caption', text: change.altText, field: 'alt' },
    { scope: 'caption', text: change.caption, field: 'caption' },
  ];
  return words.read({ author: viewer, level: level | change.level, texts: [...others, ...own] });
}

/** Throws `invalid` below or above what the node found of a picture that was made here. */
function assertWithin(rating: number, { leastLevel: least, mostLevel: most }: Image): void {
  const isLow = rating < least;
  if (!isLow && (most === 0 || rating <= most)) return;
  const message = t(isLow ? 'gallery.rating-least' : 'safety.ceiling', { rating: ratingLabel(isLow ? least : most) });
  throw new AppError('invalid', message, { fields: { rating: message } });
}

/** A published version that the owner says the picture was made with. Again is the same. */
export async function addResource(
  { em, viewer, jobs, now }: Editing,
  imageId: number,
  versionId: number,
  weight: number | null,
): Promise<void> {
  const [version] = await rows<{ model_id: number }>(
    em,
    `select v.model_id from model_version v join model m on m.id = v.model_id
     where v.id = ? and v.state = 'published' and m.state = 'published'`,
    [versionId],
  );
  if (!version || !(await seesModel(em, viewer, version.model_id)))
    throw new AppError('not_found', 'There is no such version.');
  await em.transactional(async (tx) => {
    const { image, post } = await loadOwnImage({ em: tx, viewer }, imageId);
    await addVersionUse(tx, versionId, [image], weight);
    post.updatedAt = now();
    await relistPost({ em: tx, jobs }, post);
    if (post.state === 'published') record(tx, postUpdated, { postId: post.id });
    await tx.flush();
  });
}

/** Takes away what the file or its owner said; one that is not there is fine. */
export async function removeResource(
  { em, viewer, jobs, now }: Editing,
  imageId: number,
  useId: string,
): Promise<void> {
  await em.transactional(async (tx) => {
    const { image, post } = await loadOwnImage({ em: tx, viewer }, imageId);
    const use = await tx.findOne(ResourceUse, { id: useId, image });
    if (!use) return;
    // while it is still among the models whose figures are counted anew
    await relistPost({ em: tx, jobs }, post);
    tx.remove(use);
    post.updatedAt = now();
    if (post.state === 'published') record(tx, postUpdated, { postId: post.id });
    await tx.flush();
  });
}

export interface VersionChoice {
  readonly id: number;
  readonly label: string;
  readonly type: string;
}

/** Published versions whose model bears these words in its name, for adding by hand. */
export async function findVersions({ em }: Pick<Work, 'em'>, words: string): Promise<VersionChoice[]> {
  const pattern = `%${words
    .trim()
    .toLowerCase()
    .replace(/[\\%_]/g, '')}%`;
  if (pattern.length < 4) return [];
  const found = await rows<{ id: number; name: string; model: string; type: string }>(
    em,
    `select v.id, v.name, m.name as model, m.type from model m join model_version v on v.model_id = m.id
     where m.listed_at is not null and v.state = 'published' and lower(m.name) like ?
     order by m.download_count desc, m.id, v.position limit 12`,
    [pattern],
  );
  return found.map(({ id, name, model, type }) => ({ id, label: `${model} · ${name}`, type }));
}
