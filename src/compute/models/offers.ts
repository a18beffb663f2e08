import type { EntityManager } from '@mikro-orm/core';
import {
  MODEL_ACCESS,
  MODEL_AUDIENCE,
  type ModelAccessRow,
  modelAudienceParameters,
  modelVerdict,
} from '../../catalogue/access.ts';
import { LICENSED_SQL } from '../../economy/licences/grants-of.ts';
import { fromJson, inList, type Parameter, rows } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { isSensitive } from '../../safety/ratings.ts';
import type { KnownFiles } from '../engine/protocol.ts';
import type { GenerationFile } from '../model.ts';
import { infotextName } from './infotext-name.ts';
import { knownCondition } from './known.ts';

/** A model that this node can generate with. */
export interface Offer extends GenerationFile {
  /** How forms name it: the file's id, or the hash of a checkpoint of the operator's folder. */
  readonly key: string;
  readonly title: string;
  /** The version's label, or where a folder's file lies. */
  readonly subtitle: string;
  readonly baseModel: string;
  readonly url: string | null;
  readonly modelId: number | null;
  readonly coverImageId: number | null;
  readonly trainedWords: readonly string[];
  readonly clipSkip: number | null;
  readonly recommendedWeight: number | null;
}

export const CHECKPOINT_TYPES = ['Checkpoint'];
export const LORA_TYPES = ['LORA', 'LoCon'];
export const VAE_TYPES = ['VAE'];
export const EMBEDDING_TYPES = ['TextualInversion'];
export const UPSCALER_TYPES = ['Upscaler'];
export const OFFERED_TYPES = [...CHECKPOINT_TYPES, ...LORA_TYPES, ...VAE_TYPES, ...EMBEDDING_TYPES, ...UPSCALER_TYPES];
export const MOST_OFFERS = 60;

interface OfferRow extends ModelAccessRow {
  file_id: number;
  sha256: string;
  file_name: string;
  version_id: number;
  version_name: string;
  base_model: string;
  trained_words: unknown;
  clip_skip: number | null;
  recommended_weight: number | null;
  model_id: number;
  model_name: string;
  version_restrictions: number;
  cover_id: number | null;
  cover_level: number | null;
}

/** A version offers one file: the primary one, if the engine can read it. */
const OFFERS = `select f.id as file_id, f.sha256, f.name as file_name, v.id as version_id, v.name as version_name,
    v.base_model, v.trained_words, v.clip_skip, v.recommended_weight, m.id as model_id, m.name as model_name, ${MODEL_ACCESS},
    coalesce((select s.restrictions from policy_state s where s.target_kind = 'version' and s.target_id = v.id), 0)
      as version_restrictions, i.id as cover_id, i.level as cover_level
  from model_version v join model m on m.id = v.model_id
  join model_file f on f.id = (select b.id from model_file b where b.version_id = v.id and b.is_stored = ?
    and b.format = 'SafeTensor' and (b.kind in ('Model', 'Pruned Model') or (m.type = 'VAE' and b.kind = 'VAE') or (m.type = 'TextualInversion' and b.kind = 'Negative')) and b.virus_scan_result <> 'Danger'
    order by b.is_primary desc, b.id limit 1)
  left join image i on i.id = m.cover_image_id and i.deleted_at is null and i.rendered_at is not null
  where (not m.forbids_generation or m.owner_id = ? or ${LICENSED_SQL}) and v.state = 'published' and v.deleted_at is null and m.state = 'published' and m.deleted_at is null`;

interface OfferFilter {
  readonly types: readonly string[];
  /** Those made for one of these come first. */
  readonly fitting: readonly string[];
  /** Part of a name; '' is all. */
  readonly search?: string;
  /** Null: the engine takes any file. */
  readonly known?: KnownFiles | null;
}

/** What fits first, the newest before the older. Who may see less gets less: audience, ratings and restrictions apply as everywhere. */
export async function listOffers(
  em: EntityManager,
  viewer: Viewer,
  { types, fitting, search = '', known = null }: OfferFilter,
): Promise<Offer[]> {
  const like = `%${search.trim().toLowerCase().replaceAll('%', '').slice(0, 100)}%`;
  const its = knownCondition(known);
  const found = await findOffers(
    em,
    viewer,
    // what is unlisted is found by whoever has its address, or follows its owner
    `and (m.level & ?) <> 0 and (m.listed_at is not null or m.visibility = 'followers' or m.owner_id = ?
       or exists (select 1 from follow o where o.follower_id = ? and o.target_id = m.owner_id and o.state = 'accepted'))
     and m.type in (${inList(types)}) and (lower(m.name) like ? or lower(v.name) like ? or lower(v.base_model) like ?) ${its.sql}
     order by case when v.base_model in (${inList(fitting)}) then 0 else 1 end, m.shown_at desc, m.id desc, v.position limit ${MOST_OFFERS}`,
    [viewer.levels, viewer.id, viewer.id, ...types, like, like, like, ...its.parameters, ...fitting],
  );
  return found;
}

/** What is chosen by file id, as far as it is offered to this person; in the order of the ids. */
export async function findOffersByFile(
  em: EntityManager,
  viewer: Viewer,
  fileIds: readonly number[],
  types: readonly string[],
): Promise<Offer[]> {
  const found = await findOffers(em, viewer, `and f.id in (${inList(fileIds)}) and m.type in (${inList(types)})`, [
    ...fileIds,
    ...types,
  ]);
  return fileIds.flatMap((id) => found.find(({ fileId }) => fileId === id) ?? []);
}

export const findOffersByVersion = (
  em: EntityManager,
  viewer: Viewer,
  versionIds: readonly number[],
  types: readonly string[],
) =>
  findOffers(em, viewer, `and v.id in (${inList(versionIds)}) and m.type in (${inList(types)})`, [
    ...versionIds,
    ...types,
  ]);

/** By the name that a `<lora:name:1>` in a prompt uses: the file's, without its ending. */
export const findOffersByName = (
  em: EntityManager,
  viewer: Viewer,
  names: readonly string[],
  types: readonly string[],
) =>
  findOffers(em, viewer, `and lower(f.name) in (${inList(names)}) and m.type in (${inList(types)}) limit 100`, [
    ...names.map((name) => `${name.toLowerCase()}.safetensors`),
    ...types,
  ]);

async function findOffers(
  em: EntityManager,
  viewer: Viewer,
  condition: string,
  parameters: readonly Parameter[],
): Promise<Offer[]> {
  const audience = modelAudienceParameters(viewer);
  const found = await rows<OfferRow>(em, `${OFFERS} and ${MODEL_AUDIENCE} ${condition}`, [
    ...audience,
    true,
    viewer.id,
    viewer.id,
    ...audience,
    ...parameters,
  ]);
  return found.flatMap((row) => {
    const { version_restrictions: restrictions } = row;
    return modelVerdict(row, viewer, 'generate', { restrictions }).allowed ? [offerOf(row)] : [];
  });
}

function offerOf(row: OfferRow): Offer {
  return {
    key: String(row.file_id),
    fileId: row.file_id,
    versionId: row.version_id,
    sha256: row.sha256,
    name: infotextName(row.file_name),
    title: row.model_name,
    subtitle: row.version_name,
    baseModel: row.base_model,
    url: `/models/${row.model_id}?modelVersionId=${row.version_id}`,
    modelId: row.model_id,
    coverImageId: row.cover_id !== null && !isSensitive(row.cover_level ?? 0) ? row.cover_id : null,
    trainedWords: fromJson<string[]>(row.trained_words) ?? [],
    clipSkip: row.clip_skip,
    recommendedWeight: row.recommended_weight,
  };
}
