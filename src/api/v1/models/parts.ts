import { FILE_COLUMNS, type FileRow, hashesOf } from '../../../discovery/model/files.ts';
import {
  accessParameters,
  IMAGE_ACCESS,
  type ImageAccessRow,
  imageVerdict,
  POST_AUDIENCE,
} from '../../../gallery/access.ts';
import { inList, rows, toBoolean, toDateOrNull, toNumber } from '../../../kit/database/sql.ts';
import type { Ask } from '../../operation/define.ts';
import type { File, VersionImage } from '../shapes.ts';

// Files and pictures of many versions at once: one query for each, however many versions a page has.

interface ApiFileRow extends FileRow {
  version_id: number;
  is_pruned: unknown;
  pickle_scan_message: string | null;
  virus_scan_message: string | null;
  scanned_at: unknown;
}

export interface ImageRow extends ImageAccessRow {
  version_id: number;
  id: number;
  width: number;
  height: number;
  blur_hash: string;
  level: number;
  has_recipe: unknown;
  has_prompt: unknown;
  is_recipe_hidden: unknown;
  generation_id: string | null;
  remix_of_id: number | null;
}

export interface VersionParts {
  readonly files: ReadonlyMap<number, readonly ApiFileRow[]>;
  readonly images: ReadonlyMap<number, readonly ImageRow[]>;
}

/** As Civitai, the first ten of each version. */
const MOST_IMAGES = 10;

/** What its owner posted to each version, among `levels`, as far as whoever asks may see it. */
export async function loadParts(ask: Ask, versionIds: readonly number[], levels: number): Promise<VersionParts> {
  if (versionIds.length === 0) return { files: new Map(), images: new Map() };
  const { em, viewer } = ask;
  const [files, images] = await Promise.all([
    rows<ApiFileRow>(
      em,
      `select ${FILE_COLUMNS}, f.version_id, f.is_pruned, f.pickle_scan_message, f.virus_scan_message, f.scanned_at
       from model_file f where f.version_id in (${inList(versionIds)}) order by f.is_primary desc, f.id`,
      versionIds,
    ),
    rows<ImageRow>(
      em,
      `select x.version_id, i.id, i.width, i.height, i.blur_hash, i.level, i.has_recipe, i.is_recipe_hidden, i.generation_id, ${IMAGE_ACCESS},
         (select o.id from image o where o.id = i.remix_of_id and o.listed_at is not null and (o.level & ?) <> 0) as remix_of_id,
         case when cast(i.recipe as text) like '%"prompt":%' then 1 else 0 end as has_prompt
       from (select v.id as version_id, i.id as image_id,
           row_number() over (partition by v.id order by p.id, i.position, i.id) as place
         from model_version v join model m on m.id = v.model_id
           join post p on p.version_id = v.id and p.owner_id = m.owner_id
           join image i on i.post_id = p.id
         where v.id in (${inList(versionIds)}) and i.shown_at is not null and (i.level & ?) <> 0
           and (i.listed_at is not null or ${POST_AUDIENCE})) x
       join image i on i.id = x.image_id join post p on p.id = i.post_id where x.place <= ${MOST_IMAGES} order by x.version_id, x.place`,
      [...accessParameters(viewer), levels, ...versionIds, levels, ...accessParameters(viewer)],
    ),
  ]);
  return { files: byVersion(files), images: byVersion(images.filter((row) => imageVerdict(row, viewer).allowed)) };
}

function byVersion<Row extends { version_id: number }>(found: readonly Row[]): Map<number, Row[]> {
  const map = new Map<number, Row[]>();
  for (const row of found) {
    const list = map.get(row.version_id);
    if (list) list.push(row);
    else map.set(row.version_id, [row]);
  }
  return map;
}

export const downloadUrlOf = (origin: string, versionId: number): string =>
  `${origin}/api/download/models/${versionId}`;

type FormatRow = Pick<ApiFileRow, 'format' | 'precision' | 'is_pruned'>;

/** Civitai has a word for the precision of weights and another for the quantisation of GGUF. */
const formatOf = ({ format, precision, is_pruned: isPruned }: FormatRow): File['metadata'] => ({
  format: format as File['metadata']['format'],
  size: toBoolean(isPruned) ? 'pruned' : 'full',
  ...(precision === '' ? {} : format === 'GGUF' ? { quantType: precision } : { fp: precision }),
});

/**
 * The address of the primary file has no query, and programs compare it with the version's; that of another says which
 * one it is in Civitai's words and, for two that are alike, by its number.
 */
export function fileUrlOf(
  row: FormatRow & Pick<ApiFileRow, 'id' | 'version_id' | 'kind' | 'is_primary'>,
  origin: string,
): string {
  const base = downloadUrlOf(origin, row.version_id);
  if (toBoolean(row.is_primary)) return base;
  return `${base}?${new URLSearchParams({ type: row.kind, ...(formatOf(row) as Record<string, string>), fileId: String(row.id) })}`;
}

export function fileOf(row: ApiFileRow, origin: string): File {
  const metadata = formatOf(row);
  return {
    id: row.id,
    sizeKB: toNumber(row.total_bytes) / 1_024,
    name: row.name,
    type: row.kind as File['type'],
    pickleScanResult: row.pickle_scan_result as File['pickleScanResult'],
    pickleScanMessage: row.pickle_scan_message,
    virusScanResult: row.virus_scan_result as File['virusScanResult'],
    virusScanMessage: row.virus_scan_message,
    scannedAt: toDateOrNull(row.scanned_at)?.toISOString() ?? null,
    metadata,
    hashes: Object.fromEntries(hashesOf(row).map(({ label, value }) => [label, value])),
    ...(toBoolean(row.is_stored) ? { downloadUrl: fileUrlOf(row, origin) } : {}),
    primary: toBoolean(row.is_primary),
  };
}

/** Whole, in the format that every browser and program of today reads. */
export const imageUrlOf = (origin: string, imageId: number): string => `${origin}/media/full/${imageId}.webp`;

export function imageOf(row: ImageRow, origin: string, isPoi: boolean): VersionImage {
  const hasMeta = toBoolean(row.has_recipe) && !toBoolean(row.is_recipe_hidden);
  return {
    id: row.id,
    url: imageUrlOf(origin, row.id),
    nsfwLevel: row.level,
    width: row.width,
    height: row.height,
    hash: row.blur_hash,
    type: 'image',
    hasMeta,
    hasPositivePrompt: hasMeta && toBoolean(row.has_prompt),
    onSite: row.generation_id !== null,
    remixOfId: row.remix_of_id,
    minor: false,
    poi: isPoi,
    availability: 'Public',
  };
}
