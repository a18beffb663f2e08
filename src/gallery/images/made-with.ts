import type { EntityManager } from '@mikro-orm/core';
import { ModelVersion } from '../../catalogue/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import { type Image, type RESOURCE_KINDS, ResourceUse } from '../model.ts';

type UseKind = (typeof RESOURCE_KINDS)[number];

const KINDS: Readonly<Record<string, UseKind>> = {
  Checkpoint: 'checkpoint',
  LORA: 'lora',
  LoCon: 'locon',
  DoRA: 'lora',
  TextualInversion: 'embedding',
  Hypernetwork: 'hypernet',
  VAE: 'vae',
  Controlnet: 'controlnet',
  Upscaler: 'upscaler',
};

/** What a picture calls a model of this type. */
export const kindOfModel = (type: string): UseKind => KINDS[type] ?? 'other';

/**
 * Says of pictures that they were made with a version, where they do not say so themselves: a post in the gallery of a
 * version counts among the pictures made with it. The hash of its file is kept, so that the link comes back when the
 * version was away.
 */
export async function addVersionUse(
  em: EntityManager,
  versionId: number,
  images: readonly Image[],
  weight: number | null = null,
): Promise<void> {
  const version = await em.findOne(ModelVersion, versionId, { populate: ['model'] });
  if (!version || images.length === 0) return;
  const [file] = await rows<{ sha256: string }>(
    em,
    'select sha256 from model_file where version_id = ? order by is_primary desc, id limit 1',
    [versionId],
  );
  for (const image of images) {
    const uses = await em.find(ResourceUse, { image });
    if (uses.some((use) => use.version?.id === versionId)) continue;
    em.create(
      ResourceUse,
      {
        id: newId(),
        image,
        position: uses.length,
        kind: kindOfModel(version.model.$.type),
        name: version.model.$.name.slice(0, 200),
        hash: file?.sha256 ?? null,
        weight,
        version,
        model: version.model.$,
        isManual: true,
      },
      { persist: true },
    );
  }
}
