import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import type { Viewer } from '../../kit/work.ts';
import type { GenerationFile } from '../model.ts';
import type { ModelSource } from './cache.ts';
import { findFolderOffer } from './folder-offers.ts';
import { findOffersByFile } from './offers.ts';

/**
 * Where the bytes of these files lie. Throws `gone` for one that is not offered to this person any more. `modelsDir`: the
 * operator's folder, null without one.
 */
export async function findSources(
  em: EntityManager,
  viewer: Viewer,
  files: readonly GenerationFile[],
  types: readonly string[],
  modelsDir: string | null,
): Promise<ModelSource[]> {
  const fileIds = files.flatMap(({ fileId }) => fileId ?? []);
  const offers = await findOffersByFile(em, viewer, fileIds, types);
  const sources: ModelSource[] = [];
  for (const { fileId, sha256, name } of files) {
    const isOffered = fileId !== null && offers.some((offer) => offer.fileId === fileId && offer.sha256 === sha256);
    const folder = fileId === null && modelsDir !== null ? await findFolderOffer(em, sha256) : null;
    if (!isOffered && !folder) throw new AppError('gone', `${name} is not offered here any more.`);
    sources.push({ sha256, path: folder ? `${modelsDir}/${folder.subtitle}` : null });
  }
  return sources;
}
