import type { EntityManager } from '@mikro-orm/core';
import { filesWithHash } from '../catalogue/files/by-hash.ts';
import type { Eyes } from '../gallery/views.ts';
import { rows } from '../kit/database/sql.ts';
import { listModelCards, type ModelCardView } from './cards.ts';

const MOST_MODELS = 12;

/** The models in everybody's lists that have a file with this hash, as far as the viewer's ratings show them. */
export async function listModelsByHash(em: EntityManager, eyes: Eyes, hash: string): Promise<ModelCardView[]> {
  const files = filesWithHash(hash);
  const found = await rows<{ id: number }>(
    em,
    `select distinct m.id from model_file f join model_version v on v.id = f.version_id join model m on m.id = v.model_id
     where f.id in (${files.sql}) and v.state = 'published' and v.deleted_at is null and m.listed_at is not null
     limit ${MOST_MODELS}`,
    files.values,
  );
  if (found.length === 0) return [];
  return (await listModelCards(em, eyes, { ids: found.map(({ id }) => id) }, { limit: MOST_MODELS })).items;
}
