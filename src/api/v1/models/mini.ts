import { z } from 'zod';
import { FILE_FORMATS, FILE_KINDS } from '../../../catalogue/types.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Ask } from '../../operation/define.ts';
import { id, whole } from '../query.ts';
import { FileHashes } from '../shapes.ts';
import { loadModel, loadVersion } from './versions.ts';

/** An epoch is of Civitai's own trainer; here each is a file, so it is taken and without effect. */
export const MiniQuery = z.object({ epoch: whole(0, 1_000), modelFileId: id });

/** What an orchestrator needs to fetch one file (spec/civitai-api.md 2.2). What is early is sold as a whole, so fees are none. */
export const MiniVersion = z.object({
  air: z.string(),
  versionName: z.string(),
  modelName: z.string(),
  userId: z.int(),
  baseModel: z.string(),
  availability: z.enum(['Public', 'EarlyAccess']),
  publishedAt: z.iso.datetime().nullable(),
  /** Of the file, in units of 1,024 bytes. */
  size: z.number(),
  fileType: z.enum(FILE_KINDS),
  fileName: z.string(),
  hashes: FileHashes,
  downloadUrls: z.array(z.url()),
  format: z.enum(FILE_FORMATS),
  canGenerate: z.boolean(),
  isFeatured: z.literal(false),
  /** While it is early, who asks decides. */
  requireAuth: z.boolean(),
  checkPermission: z.boolean(),
  earlyAccessEndsAt: z.iso.datetime().optional(),
  additionalResourceCharge: z.literal(false),
  minor: z.boolean(),
  sfwOnly: z.boolean(),
  fees: z.array(z.never()),
  payoutEnabled: z.literal(false),
});

/** The file that is named, else the primary one. Throws as `loadVersion`, and `not_found` where there is no such file. */
export async function loadMini(
  ask: Ask,
  versionId: number,
  { modelFileId }: z.output<typeof MiniQuery>,
): Promise<z.output<typeof MiniVersion>> {
  const version = await loadVersion(ask, String(versionId));
  const model = await loadModel(ask, version.modelId);
  const file = version.files.find((one) => (modelFileId ? one.id === modelFileId : one.primary));
  if (!file) throw new AppError('not_found', 'Missing model file');
  const canGenerate = model.modelVersions.find((one) => one.id === versionId)?.supportsGeneration ?? false;
  const isEarly = version.earlyAccessEndsAt !== undefined;
  return {
    ...{ air: version.air, versionName: version.name, modelName: model.name, userId: model.userId },
    ...{ baseModel: version.baseModel, availability: isEarly ? 'EarlyAccess' : 'Public' },
    ...(isEarly ? { earlyAccessEndsAt: version.earlyAccessEndsAt } : {}),
    publishedAt: version.publishedAt,
    ...{ size: file.sizeKB, fileType: file.type, fileName: file.name, hashes: file.hashes },
    downloadUrls: file.downloadUrl ? [file.downloadUrl] : [],
    ...{ format: file.metadata.format, canGenerate, isFeatured: false },
    ...{ requireAuth: isEarly, checkPermission: isEarly },
    ...{ additionalResourceCharge: false, minor: model.minor, sfwOnly: model.sfwOnly, fees: [], payoutEnabled: false },
  };
}
