import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { EntityManager } from '@mikro-orm/core';
import { DigestTombstone } from '../notices/model.ts';

/** Bytes that a notice took down, whatever id they come under. */
export const isDigestGone = async (em: EntityManager, sha256: string): Promise<boolean> =>
  (await em.count(DigestTombstone, { digest: sha256 })) > 0;

/** Of the files that a peer tells of, those whose bytes a notice took down. */
export async function findGoneDigests(
  em: EntityManager,
  files: readonly { readonly hashes: { readonly sha256?: string | undefined } }[],
): Promise<ReadonlySet<string>> {
  const told = files.flatMap(({ hashes: { sha256 } }) => sha256 ?? []);
  if (told.length === 0) return new Set();
  const found = await em.find(DigestTombstone, { digest: { $in: told } }, { fields: ['digest'] });
  return new Set(found.map(({ digest }) => digest));
}

/** The same for what was just fetched and lies on the disk. */
export async function isFileGone(em: EntityManager, path: string): Promise<boolean> {
  if ((await em.count(DigestTombstone)) === 0) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return isDigestGone(em, hash.digest('hex'));
}
