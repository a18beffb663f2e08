import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { infotextName } from './infotext-name.ts';
import { MOST_OFFERS, type Offer } from './offers.ts';

interface FolderRow {
  sha256: string;
  path: string;
  base_model: string;
}

/** Checkpoints of the operator's folder. */
export async function listFolderOffers(em: EntityManager, search = ''): Promise<Offer[]> {
  const like = `%${search.trim().toLowerCase().replaceAll('%', '').slice(0, 100)}%`;
  const found = await rows<FolderRow>(
    em,
    `select sha256, path, base_model from folder_model where lower(path) like ? order by path limit ${MOST_OFFERS}`,
    [like],
  );
  return found.map(folderOfferOf);
}

export async function findFolderOffer(em: EntityManager, sha256: string): Promise<Offer | null> {
  const [row] = await rows<FolderRow>(em, 'select sha256, path, base_model from folder_model where sha256 = ?', [
    sha256,
  ]);
  return row ? folderOfferOf(row) : null;
}

function folderOfferOf({ sha256, path, base_model: baseModel }: FolderRow): Offer {
  const fileName = path.split('/').at(-1) ?? path;
  return {
    ...{ key: sha256, fileId: null, versionId: null, sha256, name: infotextName(fileName) },
    ...{ title: fileName.replace(/\.safetensors$/i, ''), subtitle: path, baseModel, url: null, modelId: null },
    ...{ coverImageId: null, trainedWords: [], clipSkip: null, recommendedWeight: null },
  };
}
