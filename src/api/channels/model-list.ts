import { z } from 'zod';
import type { ModelType } from '../../catalogue/types.ts';
import { lookAtCollection } from '../../gallery/collections/access.ts';
import { fromJson, type Parameter, rows, toBoolean, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { bytes } from '../../kit/web/filters.ts';
import { RESTRICTION, type Verdict } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import type { Ask } from '../operation/define.ts';
import { fileUrlOf } from '../v1/models/parts.ts';

// The list of models that ComfyUI-Manager reads from a channel: `model-list.json` under the channel's address
// (ltdrdata/ComfyUI-Manager, glob/manager_core.py, get_data_by_mode). Where a file is put follows its type
// (glob/manager_server.py, get_model_dir).

const ModelListEntry = z.object({
  name: z.string(),
  type: z.string(),
  base: z.string(),
  save_path: z.string(),
  description: z.string(),
  reference: z.url(),
  filename: z.string(),
  url: z.url(),
  size: z.string(),
});
export const ModelListDocument = z.object({ models: z.array(ModelListEntry) });

/** Its word for each of our types, and the folder under `models`; what ComfyUI has no folder for is left out. */
const PLACES: Readonly<Partial<Record<ModelType, readonly [type: string, folder: string]>>> = {
  Checkpoint: ['checkpoint', 'checkpoints'],
  LORA: ['lora', 'loras'],
  LoCon: ['lora', 'loras'],
  DoRA: ['lora', 'loras'],
  TextualInversion: ['embedding', 'embeddings'],
  Hypernetwork: ['hypernetwork', 'hypernetworks'],
  VAE: ['VAE', 'vae'],
  Controlnet: ['controlnet', 'controlnet'],
  Upscaler: ['upscale', 'upscale_models'],
  MotionModule: ['animatediff', 'animatediff_models'],
};
const TYPES = Object.keys(PLACES) as ModelType[];

/** The newest; a channel is one file, read whole. */
const MOST_FILES = 5_000;

export type Channel =
  | { readonly kind: 'all' }
  | { readonly kind: 'tag'; readonly name: string }
  | { readonly kind: 'collection'; readonly id: number };

interface Row {
  id: number;
  version_id: number;
  model_id: number;
  file_name: string;
  kind: string;
  format: string;
  precision: string;
  is_primary: unknown;
  is_pruned: unknown;
  total_bytes: unknown;
  version_name: string;
  base_model: string;
  trained_words: unknown;
  model_name: string;
  type: ModelType;
  owner_name: string;
}

/** What everybody may fetch now. Throws `not_found` for a collection that is not before everybody, `gone` and `withheld` as its page does. */
export async function loadModelList(ask: Ask, channel: Channel): Promise<z.output<typeof ModelListDocument>> {
  const { em, eyes, origin } = ask;
  const of = await conditionOf(ask, channel);
  const isOpen = (kind: string, id: string) =>
    `not exists (select 1 from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}
      and (s.restrictions & ${SHUT | RESTRICTION.download}) <> 0)`;
  const found = await rows<Row>(
    em,
    `select f.id, f.version_id, v.model_id, f.name as file_name, f.kind, f.format, f.precision, f.is_primary, f.is_pruned,
       f.total_bytes, v.name as version_name, v.base_model, v.trained_words, m.name as model_name, m.type, a.name as owner_name
     from model m join account a on a.id = m.owner_id
       join model_version v on v.model_id = m.id and v.state = 'published'
       join model_file f on f.version_id = v.id and f.is_stored = ? and f.kind in ('Model', 'Pruned Model', 'VAE')
     where m.listed_at is not null and m.is_local = ? and (m.level & ?) <> 0 and m.type in (${TYPES.map(() => '?').join(', ')})
       and not exists (select 1 from early_access ea where ea.version_id = v.id and ea.ended_at is null)
       and ${isOpen('model', 'm.id')} and ${isOpen('account', 'm.owner_id')} and ${isOpen('version', 'v.id')}${of.sql}
     order by m.listed_at desc, m.id desc, v.position, f.is_primary desc, f.id limit ${MOST_FILES}`,
    [true, true, eyes.levels, ...TYPES, ...of.values],
  );
  return { models: found.map((row) => entryOf(row, origin)) };
}

const NOT_THERE: { readonly verdict: Verdict } = { verdict: { allowed: false, reason: 'not_found' } };

async function conditionOf(ask: Ask, channel: Channel): Promise<{ sql: string; values: Parameter[] }> {
  if (channel.kind === 'all') return { sql: '', values: [] };
  if (channel.kind === 'tag') {
    return {
      sql: ' and m.id in (select g.model_id from model_tag g join tag t on t.id = g.tag_id where t.name = ?)',
      values: [channel.name.toLowerCase()],
    };
  }
  const look = await lookAtCollection(ask.em, null, channel.id);
  const { verdict } = look ?? NOT_THERE;
  if (!verdict.allowed) throw new AppError(verdict.reason, 'There is no such collection.');
  return {
    sql: ' and m.id in (select c.model_id from collection_item c where c.collection_id = ?)',
    values: [channel.id],
  };
}

function entryOf(row: Row, origin: string): z.output<typeof ModelListEntry> {
  const [type, folder] = PLACES[row.type] ?? ['other', 'etc'];
  const isPrimary = toBoolean(row.is_primary);
  const words = fromJson<string[]>(row.trained_words) ?? [];
  return {
    name: [row.model_name, row.version_name, isPrimary ? '' : row.precision || row.kind].filter(Boolean).join(' · '),
    type,
    base: row.base_model,
    save_path: folder,
    description: [`${row.model_name} by ${row.owner_name}`, ...words].join(', ').slice(0, 300),
    reference: `${origin}/models/${row.model_id}?version=${row.version_id}`,
    filename: row.file_name,
    url: fileUrlOf(row, origin),
    size: bytes(toNumber(row.total_bytes)).replace(/\s/g, ''),
  };
}
