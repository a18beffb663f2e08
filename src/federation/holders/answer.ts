import type { EntityManager } from '@mikro-orm/core';
import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../../catalogue/access.ts';
import { filesWithHash } from '../../catalogue/files/by-hash.ts';
import { Model } from '../../catalogue/model.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Federation } from '../deps.ts';
import { modelDocument } from '../documents/objects.ts';
import { readingOf } from '../pages/may-read.ts';
import { type Document, withContext } from '../vocabulary/context.ts';

/** Of several models with the same file, as many are told. */
export const MOST_MODELS = 3;

export const holdersUri = (origin: string, hash: string): string => `${origin}/hashes/${hash}`;

/**
 * What this node tells a peer that asks who has a file: models of our own in everybody's lists, whose bytes are here and
 * may be downloaded by anybody. Whoever asks gets the same answer, so nothing is learnt here that no list says.
 */
export async function holdersDocument(
  federation: Pick<Federation, 'origin' | 'host'>,
  em: EntityManager,
  hash: string,
): Promise<Document> {
  const items: Document[] = [];
  for (const id of await listOpenModels(em, hash)) {
    if (items.length === MOST_MODELS) break;
    if ((await readingOf(em, 'model', id, null)) !== 'public') continue;
    const { '@context': _context, ...body } = await modelDocument(federation, em, await em.findOneOrFail(Model, id));
    items.push(body);
  }
  return withContext({
    id: holdersUri(federation.origin, hash),
    type: 'Collection',
    totalItems: items.length,
    items,
  });
}

const MOST_CANDIDATES = 20;

async function listOpenModels(em: EntityManager, hash: string): Promise<number[]> {
  const files = filesWithHash(hash);
  const found = await rows<ModelAccessRow & { id: number; version_restrictions: number }>(
    em,
    `select m.id, ${MODEL_ACCESS},
       coalesce((select s.restrictions from policy_state s where s.target_kind = 'version' and s.target_id = v.id), 0)
         as version_restrictions
     from model_file f join model_version v on v.id = f.version_id join model m on m.id = v.model_id
     where f.id in (${files.sql}) and f.is_stored = ? and m.is_local = ? and m.listed_at is not null
       and v.state = 'published' and v.deleted_at is null
     order by v.published_at, v.id limit ${MOST_CANDIDATES}`,
    [...modelAudienceParameters(null), ...files.values, true, true],
  );
  const open = found.filter(
    (row) => modelVerdict(row, null, 'download', { restrictions: row.version_restrictions }).allowed,
  );
  return [...new Set(open.map(({ id }) => id))];
}
