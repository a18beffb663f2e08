import type { EntityManager } from '@mikro-orm/core';
import { rows, toBoolean } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { accessParameters, IMAGE_ACCESS, type ImageAccessRow, imageVerdict } from '../access.ts';

/** May this person take the recipe of this picture? It has one, and it is not kept back from them. */
export async function mayRemix(em: EntityManager, viewer: Viewer, imageId: number): Promise<boolean> {
  const [row] = await rows<ImageAccessRow & { has_recipe: unknown; is_recipe_hidden: unknown }>(
    em,
    `select ${IMAGE_ACCESS}, i.has_recipe, i.is_recipe_hidden from image i join post p on p.id = i.post_id where i.id = ?`,
    [...accessParameters(viewer), imageId],
  );
  if (!row || row.access_talk_kind !== null || !toBoolean(row.has_recipe)) return false;
  if (toBoolean(row.is_recipe_hidden) && row.access_owner !== viewer.id) return false;
  return imageVerdict(row, viewer).allowed;
}
