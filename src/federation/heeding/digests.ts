import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import { openRow } from '../../moderation/queue/open.ts';
import { addBlock, blockCategoryOf } from '../../safety/hashes/blocks.ts';
import { DigestTombstone } from '../notices/model.ts';
import { SEVERE } from '../notices/wire.ts';
import { DomainPolicy } from '../peers/model.ts';

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

interface OwnTarget {
  readonly kind: 'model' | 'post' | 'image';
  readonly id: number;
}

/** The bytes of a thing that is kept or known here. */
export async function listOwnDigests(em: EntityManager, { kind, id }: OwnTarget): Promise<string[]> {
  const sql = {
    model: 'select f.sha256 from model_file f join model_version v on v.id = f.version_id where v.model_id = ?',
    post: 'select i.sha256 from image i where i.post_id = ? and i.sha256 is not null',
    image: 'select i.sha256 from image i where i.id = ? and i.sha256 is not null',
  }[kind];
  const found = await rows<{ sha256: string }>(em, sql, [id]);
  return [...new Set(found.map(({ sha256 }) => sha256))];
}

/**
 * Marks digests, but for those whose bytes somebody else has here too: a host could name any file of anybody in its
 * notice. Those are a person's to decide, unless the case is severe and the owner trusts the host's hashes.
 */
export async function blockDigests(
  em: EntityManager,
  digests: readonly string[],
  by: {
    readonly noticeUri: string;
    readonly category: string;
    readonly host: string;
    readonly id: string;
    readonly owned: OwnTarget | null;
    readonly now: Date;
  },
): Promise<{ readonly blocked: readonly string[]; readonly refused: number }> {
  if (digests.length === 0) return { blocked: [], refused: 0 };
  const { noticeUri, category, now } = by;
  const isTrusted = SEVERE.has(category) && (await em.count(DomainPolicy, { host: by.host, trustsDigests: true })) > 0;
  const others = isTrusted ? new Set<string>() : await heldByOthers(em, digests, by.owned);
  const blocked = digests.filter((digest) => !others.has(digest));
  for (const digest of blocked) {
    await em.upsert(
      DigestTombstone,
      { digest, noticeUri, category, at: now },
      { onConflictFields: ['digest'], onConflictAction: 'ignore' },
    );
    await refuseAtDoors(em, digest, category, noticeSource(by.id), now);
  }
  if (others.size > 0) {
    await openRow(
      em,
      {
        ...{ kind: 'peer', subjectId: `digests:${by.id}`, about: { kind: 'notice', id: by.id } },
        ...{ title: `${by.host}: ${others.size} files in its notice are also other people’s here`, priority: 1 },
      },
      now,
    );
  }
  return { blocked, refused: others.size };
}

/** A file without content is everybody's. */
const OF_NOTHING = createHash('sha256').digest('hex');

/** What a notice took down does not come in by an upload either; `liftBlocksOf` its source ends it. */
export async function refuseAtDoors(
  em: EntityManager,
  hash: string,
  category: string,
  sourceCaseId: string | null,
  now: Date,
): Promise<void> {
  if (hash === OF_NOTHING) return;
  const reason = { category: blockCategoryOf(category), sourceCaseId };
  await addBlock({ em, viewer: null, now: () => now }, { kind: 'file', hash, ...reason });
}

export const noticeSource = (noticeId: string): string => `notice:${noticeId}`;

async function heldByOthers(em: EntityManager, digests: readonly string[], owned: OwnTarget | null) {
  const own = (kind: OwnTarget['kind']) => (owned?.kind === kind ? owned.id : 0);
  const found = await rows<{ sha256: string }>(
    em,
    `select f.sha256 from model_file f join model_version v on v.id = f.version_id
       where f.sha256 in (${inList(digests)}) and v.model_id <> ?
     union select i.sha256 from image i where i.sha256 in (${inList(digests)}) and i.post_id <> ? and i.id <> ?`,
    [...digests, own('model'), ...digests, own('post'), own('image')],
  );
  return new Set(found.map(({ sha256 }) => sha256));
}
