import { ref } from '@mikro-orm/core';
import { LINEAGE_KINDS, Lineage, ModelVersion } from '../../catalogue/model.ts';
import { FILE_FORMATS, FILE_KINDS } from '../../catalogue/types.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { readOwnUri } from '../addresses.ts';
import type { FileDetails, Parent, VersionDetails } from '../vocabulary/details.ts';
import type { FileView } from '../vocabulary/model.ts';

/** How a peer's words about versions and files become rows. */

export const versionFacts = (details: VersionDetails | null | undefined) => ({
  trainingSettings: { ...details?.trainingSettings },
  clipSkip: details?.clipSkip ?? null,
  recommendedWeight: details?.recommendedWeight ?? null,
});

/** `place`: of the files of its version; the first is the primary one where the peer does not say. */
export function fileFacts({ name, url, totalBytes, hashes, details }: FileView, place: number) {
  const { autov1, blake3, crc32, tensor } = hashes;
  return {
    ...{ name, originalName: name, remoteUrl: url, totalBytes: totalBytes ?? 0 },
    ...kindsOf(name, details),
    replaces: details?.replaces ?? null,
    isPrimary: details ? details.primary === true : place === 0,
    tensorSha256: tensor?.length === 64 ? tensor : null,
    blake3: blake3?.length === 64 ? blake3 : null,
    autoV1: autov1?.length === 8 ? autov1 : null,
    crc32: crc32?.length === 8 ? crc32 : null,
  };
}

function kindsOf(name: string, details: FileDetails | null | undefined) {
  return {
    kind: FILE_KINDS.find((kind) => kind === details?.kind) ?? ('Model' as const),
    format: FILE_FORMATS.find((format) => format === details?.format) ?? formatOf(name),
    precision: details?.precision ?? '',
    isPruned: details?.pruned ?? true,
  };
}

function formatOf(name: string): (typeof FILE_FORMATS)[number] {
  if (/\.safetensors$/i.test(name)) return 'SafeTensor';
  if (/\.gguf$/i.test(name)) return 'GGUF';
  return /\.(?:ckpt|pt|pth|bin)$/i.test(name) ? 'PickleTensor' : 'Other';
}

/** What a peer's version was made of; a parent that arrives later is linked then. The caller flushes. */
export async function writeParents(
  { em }: Pick<Work, 'em'>,
  origin: string,
  version: ModelVersion,
  parents: readonly Parent[],
): Promise<void> {
  await em.nativeDelete(Lineage, { child: version });
  for (const { relation, version: parentUri, name, hash, weight, basis } of parents) {
    const parent = parentUri === undefined ? null : await findVersion(em, origin, parentUri);
    em.create(
      Lineage,
      {
        ...{ id: newId(), child: ref(version), parent: parent ? ref(parent) : null },
        kind: LINEAGE_KINDS.find((kind) => kind === relation) ?? 'trained_on_base',
        ...{ parentName: name ?? '', parentHash: hash ?? null, weight: weight ?? null, parentUri: parentUri ?? null },
        basis: basis ?? 'owner',
      },
      { persist: true },
    );
  }
  await em.nativeUpdate(Lineage, { parentUri: version.uri ?? '', parent: null }, { parent: version });
}

/** A version by its id, ours or a peer's. */
export async function findVersion(em: Work['em'], origin: string, uri: string): Promise<ModelVersion | null> {
  const own = readOwnUri(origin, uri);
  if (own?.kind === 'version') return em.findOne(ModelVersion, { id: Number(own.id), uri: null, state: 'published' });
  return own ? null : em.findOne(ModelVersion, { uri, state: 'published' });
}
