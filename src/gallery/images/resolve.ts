import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { filesWithHash, isFileHash, LEAST_HASH_DIGITS } from '../../catalogue/files/by-hash.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { refreshModelsJob } from '../figures.ts';
import { maskNames } from './mask-names.ts';
import { renderImageJob } from './render.ts';

export interface KnownVersion {
  readonly versionId: number;
  readonly modelId: number;
}

/**
 * The published versions here that have a file with one of these hashes; of several, an open one, and the one that was
 * there first. Who may see it is for who shows it.
 */
export async function findVersionsByHash(
  em: EntityManager,
  hashes: readonly string[],
): Promise<Map<string, KnownVersion>> {
  const found = new Map<string, KnownVersion>();
  for (const hash of new Set(hashes.filter(isFileHash))) {
    const version = await findVersionByHash(em, hash);
    if (version) found.set(hash, version);
  }
  return found;
}

async function findVersionByHash(em: EntityManager, hash: string): Promise<KnownVersion | null> {
  const files = filesWithHash(hash);
  const [row] = await rows<{ version_id: number; model_id: number }>(
    em,
    `select v.id as version_id, v.model_id from model_file f
       join model_version v on v.id = f.version_id join model m on m.id = v.model_id
     where f.id in (${files.sql})
       and v.state = 'published' and m.state = 'published'
     order by case when m.visibility = 'followers' then 1 else 0 end, v.published_at, v.id limit 1`,
    files.values,
  );
  return row ? { versionId: row.version_id, modelId: row.model_id } : null;
}

interface FileHashes {
  sha256: string;
  tensor_sha256: string | null;
  blake3: string | null;
  auto_v1: string | null;
  crc32: string | null;
}

/** Every hash by which a picture may name this file. */
function namesOf(file: FileHashes): string[] {
  const names: string[] = [];
  for (const digest of [file.sha256, file.tensor_sha256]) {
    for (let length = LEAST_HASH_DIGITS; digest && length <= 64; length += 1) names.push(digest.slice(0, length));
  }
  return [...names, file.blake3, file.auto_v1, file.crc32].filter((name): name is string => name !== null);
}

/**
 * Makes the pictures agree with one version: links those that name its files when it is public, and lets go of those
 * that it no longer has. Running it twice changes nothing.
 */
async function resolveVersion(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  versionId: number,
): Promise<{ linked: number; released: number }> {
  const [version] = await rows<{ model_id: number; version_state: string; model_state: string }>(
    em,
    `select v.model_id, v.state as version_state, m.state as model_state
     from model_version v join model m on m.id = v.model_id where v.id = ?`,
    [versionId],
  );
  const isPublic = version?.version_state === 'published' && version.model_state === 'published';
  if (!version || !isPublic) {
    const released = await releaseVersion(em, versionId);
    if (version) jobs.enqueue(em, refreshModelsJob, { modelIds: [version.model_id] });
    await em.flush();
    return { linked: 0, released };
  }
  const files = await rows<FileHashes>(
    em,
    'select sha256, tensor_sha256, blake3, auto_v1, crc32 from model_file where version_id = ?',
    [versionId],
  );
  const names = [...new Set(files.flatMap(namesOf))];
  const linked =
    names.length === 0
      ? []
      : await rows<{ image_id: number }>(
          em,
          `update resource_use set version_id = ?, model_id = ? where version_id is null and hash in (${inList(names)})
           returning image_id`,
          [versionId, version.model_id, ...names],
        );
  // pictures that a maker linked by the version alone
  await rows(em, 'update resource_use set model_id = ? where version_id = ? and model_id is null returning id', [
    version.model_id,
    versionId,
  ]);
  for (const { imageId } of await maskNames(em, [...new Set(linked.map(({ image_id }) => image_id))], now())) {
    jobs.enqueue(em, renderImageJob, { imageId }, { dedupeKey: `image:${imageId}` });
  }
  jobs.enqueue(em, refreshModelsJob, { modelIds: [version.model_id] }, { dedupeKey: `model:${version.model_id}` });
  await em.flush();
  return { linked: linked.length, released: 0 };
}

/** The hash stays, so that another version with the same file, or this one when it comes back, is found again. */
async function releaseVersion(em: EntityManager, versionId: number): Promise<number> {
  const released = await rows<{ id: string; hash: string | null }>(
    em,
    'update resource_use set version_id = null, model_id = null where version_id = ? returning id, hash',
    [versionId],
  );
  const hashes = [...new Set(released.flatMap(({ hash }) => (hash ? [hash] : [])))];
  for (const [hash, known] of await findVersionsByHash(em, hashes)) {
    await rows(
      em,
      'update resource_use set version_id = ?, model_id = ? where version_id is null and hash = ? returning id',
      [known.versionId, known.modelId, hash],
    );
  }
  return released.length;
}

export const resolveVersionJob = defineJob({
  name: 'gallery.resolve-version',
  lane: 'media',
  payload: z.object({ versionId: z.int() }),
  attempts: 5,
  run: (work, { versionId }) => resolveVersion(work, versionId),
});

/** All versions of a model, after it came or went as a whole. */
export const resolveModelJob = defineJob({
  name: 'gallery.resolve-model',
  lane: 'media',
  payload: z.object({ modelId: z.int() }),
  attempts: 5,
  run: async (work, { modelId }) => {
    const versions = await rows<{ id: number }>(work.em, 'select id from model_version where model_id = ?', [modelId]);
    for (const { id } of versions) await resolveVersion(work, id);
  },
});
