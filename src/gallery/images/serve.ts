import { rows, toBoolean, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import {
  accessParameters,
  IMAGE_ACCESS,
  type ImageAccessRow,
  imageVerdict,
  isForEverybody,
  judgeImage,
  refuseImage,
} from '../access.ts';
import { extensionOf } from './read-file.ts';
import { makeCleanCopy } from './render.ts';

export const SIZE_NAMES = ['320', '640', '1280', 'full'] as const;
export type SizeName = (typeof SIZE_NAMES)[number];
export type SizeFormat = 'webp' | 'avif' | 'jpeg';

export interface ServedImage {
  readonly sha256: string;
  readonly totalBytes: number;
  readonly mediaType: string;
  /** Everybody may see it, so caches may keep it. */
  readonly isPublic: boolean;
}

interface SizeRow extends ImageAccessRow {
  placeholder: string;
  sha256: string | null;
  total_bytes: unknown;
  format: SizeFormat | null;
}

const nothing = () => new AppError('not_found', 'There is no such picture.');

type Asked = Pick<Work, 'em' | 'viewer'>;
type Size = ServedImage | { readonly placeholder: string };

/**
 * A rendered size, or the placeholder's bytes while there is none yet. An animation has no AVIF; its WebP is sent in its
 * place, under its own type. One query. Throws `not_found`, also for what this viewer may not see, and `withheld` for what
 * is kept back, to those who moderate too: they look at it where each look is counted.
 */
export async function loadSize(asked: Asked, imageId: number, size: SizeName, format: SizeFormat): Promise<Size> {
  const row = await findSize(asked, imageId, size, format);
  if (!row || isKeptBack(row) || !(await judgeImage(asked.em, row, asked.viewer)).allowed)
    return refuseImage(asked.em, asked.viewer, imageId);
  return sizeOf(row);
}

/** What a reviewer is shown of a picture, also of one that is kept back. */
export async function loadReviewedSize(asked: Asked, imageId: number): Promise<Size> {
  const row = await findSize(asked, imageId, '640', 'webp');
  if (!row || !imageVerdict(row, asked.viewer).allowed) return refuseImage(asked.em, asked.viewer, imageId);
  return sizeOf(row);
}

const isKeptBack = (row: SizeRow): boolean =>
  ((row.image_restrictions | row.post_restrictions | row.account_restrictions) & RESTRICTION.view) !== 0;

async function findSize({ em, viewer }: Asked, imageId: number, size: SizeName, format: SizeFormat) {
  const [row] = await rows<SizeRow>(
    em,
    `select i.placeholder, z.sha256, z.total_bytes, z.format, ${IMAGE_ACCESS}
     from image i join post p on p.id = i.post_id
       left join image_size z on z.image_id = i.id and z.target_width = ?
     where i.id = ? order by case when z.format = ? then 0 else 1 end limit 1`,
    [...accessParameters(viewer), size === 'full' ? 0 : Number(size), imageId, format],
  );
  return row ?? null;
}

function sizeOf(row: SizeRow): Size {
  if (!row.sha256 || !row.format) return { placeholder: row.placeholder };
  return {
    sha256: row.sha256,
    totalBytes: toNumber(row.total_bytes),
    mediaType: `image/${row.format}`,
    isPublic: isForEverybody(row),
  };
}

interface OriginalRow extends ImageAccessRow {
  sha256: string | null;
  media_type: string;
  clean_sha256: string | null;
  clean_bytes: unknown;
  is_recipe_hidden: unknown;
}

/** The picture as it was uploaded, without camera and place. Made now when the job has not come to it yet. */
export async function loadOriginal(
  { em, viewer, files }: Pick<Work, 'em' | 'viewer' | 'files'>,
  imageId: number,
  extension: string,
): Promise<ServedImage> {
  const [row] = await rows<OriginalRow>(
    em,
    `select i.sha256, i.media_type, i.clean_sha256, i.clean_bytes, i.is_recipe_hidden, ${IMAGE_ACCESS}
     from image i join post p on p.id = i.post_id where i.id = ?`,
    [...accessParameters(viewer), imageId],
  );
  if (!row || !(await judgeImage(em, row, viewer, 'download')).allowed) return refuseImage(em, viewer, imageId);
  if (!row.sha256 || extension !== extensionOf(row.media_type)) throw nothing();
  const clean = row.clean_sha256
    ? { sha256: row.clean_sha256, totalBytes: toNumber(row.clean_bytes) }
    : await makeCleanCopy({ em, files }, imageId);
  if (!clean) throw new AppError('unavailable', 'This file is being made; try again in a moment.');
  // hiding a recipe must reach those who look again
  return { ...clean, mediaType: row.media_type, isPublic: isForEverybody(row) && !toBoolean(row.is_recipe_hidden) };
}

interface WorkflowRow extends ImageAccessRow {
  blocks: unknown;
  is_recipe_hidden: unknown;
}

/** The raw generation blocks, where their author shows them. Throws `not_found`. */
export async function loadRawBlocks(
  { em, viewer }: { em: Work['em']; viewer: Viewer | null },
  imageId: number,
): Promise<Record<string, string>> {
  const [row] = await rows<WorkflowRow>(
    em,
    `select r.blocks, i.is_recipe_hidden, ${IMAGE_ACCESS} from image i join post p on p.id = i.post_id
       join image_raw r on r.image_id = i.id where i.id = ?`,
    [...accessParameters(viewer), imageId],
  );
  if (!row || !(await judgeImage(em, row, viewer)).allowed) return refuseImage(em, viewer, imageId);
  if (toBoolean(row.is_recipe_hidden) && viewer?.id !== row.access_owner) throw nothing();
  const blocks = typeof row.blocks === 'string' ? JSON.parse(row.blocks) : row.blocks;
  return blocks as Record<string, string>;
}
