import type { EntityManager } from '@mikro-orm/core';
import { scrubberOf, scrubDeep } from '../../catalogue/names/scrub.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import { postUpdated } from '../events.ts';
import { Image, ImageRaw, ResourceUse } from '../model.ts';
import type { Recipe } from '../recipe/recipe.ts';

/** What people see in a prompt in the place of a name that was removed after a claim. */
export const NAME_MASK = '▇▇▇';

/** Names that no model bears any more with which this picture was made. */
export async function listMaskedNames(em: EntityManager, imageId: number): Promise<string[]> {
  const found = await rows<{ name_key: string }>(
    em,
    `select distinct l.name_key from name_lock l join resource_use r on r.model_id = l.model_id where r.image_id = ?`,
    [imageId],
  );
  return found.map(({ name_key }) => name_key);
}

/** What a picture said before its names were masked. */
export interface MaskedBefore {
  readonly imageId: number;
  readonly recipe: Recipe | null;
  readonly blocks: Record<string, string> | null;
}

/**
 * Masks the names in what pictures say of how they were made, where one of their models lost a name. Call it in the
 * transaction that links them to their models. Again changes nothing. Returns what was changed, as it was; the copies
 * that are handed out have to be made anew.
 */
export async function maskNames(em: EntityManager, imageIds: readonly number[], now: Date): Promise<MaskedBefore[]> {
  const concerned = await rows<{ id: number }>(
    em,
    `select distinct r.image_id as id from resource_use r join name_lock l on l.model_id = r.model_id
     where r.image_id in (${inList(imageIds)})`,
    [...imageIds],
  );
  const changed: MaskedBefore[] = [];
  for (const { id } of concerned) {
    const scrubber = scrubberOf(await listMaskedNames(em, id));
    const image = await em.findOne(Image, id, { populate: ['post'] });
    if (!scrubber || !image) continue;
    const raw = await em.findOne(ImageRaw, { image: id });
    const before = { imageId: id, recipe: image.recipe ?? null, blocks: raw?.blocks ?? null };
    if (!scrubber.has(JSON.stringify([before.recipe, before.blocks]))) continue;
    if (image.recipe) image.recipe = scrubDeep(image.recipe, scrubber, NAME_MASK);
    if (raw) raw.blocks = scrubDeep(raw.blocks, scrubber, NAME_MASK);
    image.cleanSha256 = null;
    for (const use of await em.find(ResourceUse, { image: id })) use.name = scrubber.scrub(use.name, NAME_MASK);
    changed.push(before);
    const post = image.post.$;
    if (post.state !== 'published') continue;
    if (post.isLocal) post.updatedAt = now;
    record(em, postUpdated, { postId: post.id });
  }
  await em.flush();
  return changed;
}
