import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { inList, rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { listReferenced } from '../../kit/storage/references.ts';
import type { Work } from '../../kit/work.ts';
import { findTarget } from '../ingest/target.ts';

/** So many at once; what a post has of more goes with the next sweep of blobs. */
const MOST = 500;
/** Twenty pictures of a post, in all their sizes. */
const Payload = z.object({ digests: z.array(z.string().length(64)).max(MOST) });

/** Bytes that a notice took down go at once and not with the next sweep, but for those that another row names. */
export const purgeBytesJob = defineJob({
  name: 'federation.purge-bytes',
  lane: 'media',
  payload: Payload,
  attempts: 10,
  async run({ em, files }: Pick<Work, 'em' | 'files'>, { digests }) {
    const named = await listReferenced(em, digests);
    for (const digest of digests) if (!named.has(digest)) await files.remove(digest);
  },
});

/** The blobs of a post's pictures, or of one: what was fetched and all that was made from it. Read before its rows go. */
export async function listBlobs(em: EntityManager, origin: string, uri: string): Promise<readonly string[]> {
  const target = await findTarget(em, origin, uri);
  if (!target || target.isLocal || (target.kind !== 'post' && target.kind !== 'image')) return [];
  const images = await rows<{ id: number; sha256: string | null; clean: string | null }>(
    em,
    `select id, sha256, clean_sha256 as clean from image where ${target.kind === 'post' ? 'post_id' : 'id'} = ?`,
    [Number(target.id)],
  );
  const ids = images.map(({ id }) => id);
  const sizes = await rows<{ sha256: string }>(
    em,
    `select sha256 from image_size where image_id in (${inList(ids)})`,
    ids,
  );
  const all = [
    ...images.flatMap(({ sha256, clean }) => [sha256 ?? '', clean ?? '']),
    ...sizes.map((one) => one.sha256),
  ];
  return [...new Set(all.filter(Boolean))].slice(0, MOST);
}
