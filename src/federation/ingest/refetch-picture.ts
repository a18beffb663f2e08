import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readImageFile } from '../../gallery/images/read-file.ts';
import { renderImageJob } from '../../gallery/images/render.ts';
import { Image, Post } from '../../gallery/model.ts';
import { relistPost } from '../../gallery/posts/relist.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { assertFreeSpace } from '../../kit/storage/files.ts';
import type { Work } from '../../kit/work.ts';
import { keepHit } from '../../safety/hashes/hits.ts';
import { isShut, standingOf } from '../../safety/standing.ts';
import type { Federation } from '../deps.ts';
import { effectsOfUri } from '../peers/rule.ts';
import { downloadPicture, findReader } from './fetch-pictures.ts';

/** Pictures that one person may have fetched again in a while. */
const REFETCHES = { name: 'refetch-picture', max: 120, perMs: 600_000 };

/**
 * Asks for a picture whose bytes made room, because somebody who is signed in looks at it. False when it is here, or
 * was never there, or this person asked for too many.
 */
export async function askRefetch(
  { em, viewer, jobs }: Pick<Work, 'em' | 'viewer' | 'jobs'>,
  federation: Federation,
  imageId: number,
): Promise<boolean> {
  if (!viewer) return false;
  const image = await em.findOne(Image, { id: imageId, isLocal: false, sha256: null, evictedAt: { $ne: null } });
  if (!image?.remoteUrl) return false;
  try {
    federation.limits.takeFor(`${REFETCHES.name} a${viewer.id}`, REFETCHES);
  } catch (error) {
    if (error instanceof AppError && error.kind === 'rate_limited') return false;
    throw error;
  }
  jobs.enqueue(
    em,
    federation.jobs.refetchPicture,
    { imageId },
    { partition: new URL(image.remoteUrl).host.slice(0, 255), dedupeKey: `refetch:${imageId}` },
  );
  await em.flush();
  return true;
}

/** Fetches it again from where it was. One that is no picture any more keeps its blur. */
export async function refetchPicture(
  { em, files, jobs, now }: Pick<Work, 'em' | 'files' | 'jobs' | 'now'>,
  federation: Federation,
  imageId: number,
  signal: AbortSignal,
): Promise<string> {
  const image = await em.findOne(Image, { id: imageId, isLocal: false, sha256: null, evictedAt: { $ne: null } });
  if (!image?.remoteUrl) return 'here, or gone';
  const targets = [
    { kind: 'image', id: imageId },
    { kind: 'post', id: image.post.id },
    { kind: 'account', id: image.owner.id },
  ] as const;
  if (isShut((await standingOf(em, targets)).restrictions)) return 'taken down here';
  if ((await effectsOfUri(em, image.remoteUrl)).rejectsMedia) return 'not taken from there';
  const path = join(federation.uploadsDir, `peer-${newId()}`);
  try {
    const key = await findReader(em, federation, image.post.id, image.remoteUrl);
    await downloadPicture(federation, { url: image.remoteUrl, path, key, now: now() }, signal);
    const facts = await readImageFile(path, federation.maxImageBytes);
    const arrival = { door: 'remote-image', accountId: image.owner.id } as const;
    const judged = await federation.hashGate.judgePicture(em, arrival, path);
    await assertFreeSpace(files, facts.totalBytes, federation.minFreeBytes);
    const { sha256 } = await files.put({ path });
    await em.transactional(async (inner) => {
      const { mediaType, totalBytes, width, height, frameCount } = facts;
      const bytes = { sha256, mediaType, totalBytes, width, height, frameCount, pdq: judged.pdq };
      await inner.nativeUpdate(Image, { id: imageId }, { ...bytes, evictedAt: null, fetchedAt: now() });
      await keepHit(inner, judged, { kind: 'image', id: imageId }, now());
      await relistPost({ em: inner, jobs }, await inner.findOneOrFail(Post, image.post.id));
      jobs.enqueue(inner, renderImageJob, { imageId }, { dedupeKey: `image:${imageId}` });
      await inner.flush();
    });
    return 'done';
  } catch (error) {
    if (error instanceof AppError && error.kind !== 'unavailable') return `left: ${error.message}`;
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}
