import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStored } from '../../catalogue/events.ts';
import { storedHashes } from '../../catalogue/files/hash.ts';
import { ModelFile } from '../../catalogue/model.ts';
import { assertTakes, scanForViruses } from '../../catalogue/uploads/judge.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';
import { loadSigningKey } from '../actors/keys.ts';
import { findFollowerKey } from '../actors/reader-key.ts';
import type { Federation } from '../deps.ts';
import { NODE_ACTOR } from '../model.ts';
import { signCavage } from '../signatures/sign.ts';
import { download } from './download.ts';
import { FileCopy } from './model.ts';
import { assertRoomForCopy, findCopy, findPeerFile, mayKeep, type PeerFile } from './rules.ts';

type Task = Pick<Work, 'em' | 'files' | 'now'>;

export const COPY_ATTEMPTS = 12;

/** Fetches, checks and keeps a peer's file. Cut off anywhere, it goes on where it was; a second run finds nothing to do. */
export async function copyFile(
  work: Task,
  federation: Federation,
  fileId: number,
  handle: Pick<JobHandle, 'signal' | 'attempt' | 'progress'>,
): Promise<void> {
  const { em } = work;
  const copy = await findCopy(work, fileId);
  if (!copy || (copy.state !== 'waiting' && copy.state !== 'fetching')) return;
  const path = await partialPath(federation, copy);
  try {
    const found = await findPeerFile(work, fileId);
    if (!found || found.file.sha256 !== copy.digest || !(await mayKeep(work, federation, found))) {
      throw new AppError('gone', 'Its author took it back, or does not allow a copy.');
    }
    if (!found.file.isStored) {
      await assertRoomForCopy(work, federation, found.file);
      await em.nativeUpdate(FileCopy, { fileId }, { state: 'fetching' });
      await fetchAndKeep(work, federation, found, path, handle);
    }
    // the store's own time: who puts the same bytes later keeps them when this copy goes
    const keptAt = (await work.files.stat(copy.digest))?.storedAt ?? work.now();
    await em.nativeUpdate(FileCopy, { fileId }, { state: 'kept', reason: '', keptAt });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const reason = error.message.slice(0, 300);
    // harmful or false: nobody tries it again by itself
    if (error.kind === 'invalid' || error.kind === 'withheld') await end('refused', reason);
    else if (error.kind === 'gone' || error.kind === 'too_large') await end('failed', reason);
    else if (handle.attempt >= COPY_ATTEMPTS && !handle.signal.aborted) await end('failed', reason);
    else {
      await em.nativeUpdate(FileCopy, { fileId }, { state: 'waiting', reason });
      throw error;
    }
  }

  async function end(state: 'refused' | 'failed', reason: string): Promise<void> {
    await rm(path, { force: true });
    await em.nativeUpdate(FileCopy, { fileId }, { state, reason });
    federation.log.warn({ fileId, state, reason, sha256: copy?.digest }, 'copy');
  }
}

async function fetchAndKeep(
  work: Task,
  federation: Federation,
  { file, model, owner }: PeerFile,
  path: string,
  { signal, progress }: Pick<JobHandle, 'signal' | 'progress'>,
): Promise<void> {
  const { em, files, now } = work;
  const { remoteUrl, sha256, totalBytes, name } = file;
  const arrival = { door: 'mirrored-file', accountId: owner.id } as const;
  // by what the peer promises, before a byte of it comes
  await federation.hashGate.judge(em, arrival, { sha256s: [sha256] });
  // what is for followers is asked for by one of them who is here, in their name; the rest in the node's, so that its
  // author's server knows who has a copy and whom to tell when it has to go
  const key = isOpen(model.visibility)
    ? await loadSigningKey(federation, em, NODE_ACTOR)
    : await findFollowerKey(federation, em, owner.id);
  await download(federation.net, { url: remoteUrl ?? '', sha256, totalBytes }, path, {
    signal,
    sign: key && ((hop) => signCavage({ method: 'GET', url: hop, body: null, now: now() }, key)),
    onProgress: (doneBytes) => progress(doneBytes, totalBytes),
  });
  // from here on the bytes are judged as those of an upload are
  const inspection = await federation.hashing.inspect(path, name);
  assertTakes(name, inspection, federation.filePolicy);
  if (inspection.format !== 'SafeTensor') throw new AppError('invalid', 'This is not a safetensors file.');
  const virus = await scanForViruses(path, federation.filePolicy, signal);
  const hashes = storedHashes(await federation.hashing.hash(path, { signal }));
  if (hashes.sha256 !== sha256) throw new AppError('invalid', 'The bytes changed on the disk of this node.');
  await federation.hashGate.judge(em, arrival, { tensorSha256: hashes.tensorSha256 });
  await files.put({ path, sha256, trustSha256: true, move: true });
  const stillHere = await em.transactional(async (inner) => {
    const row = await inner.findOne(ModelFile, { id: file.id, sha256 }, { refresh: true });
    if (!row) return false;
    const { detection, format } = inspection;
    Object.assign(row, {
      ...{ isStored: true, format, ...hashes, ...virus },
      ...{ pickleScanResult: 'Success', pickleScanMessage: null, scannedAt: now() },
      precision: (detection?.precision?.value ?? row.precision).slice(0, 12),
      facts: detection ? { ...detection } : null,
    });
    record(inner, fileStored, { fileId: row.id, versionId: row.version.id });
    await inner.flush();
    return true;
  });
  // the peer took it back while it came
  if (!stillHere) throw new AppError('gone', 'Its author took it back.');
}

/** Outside of the uploads' own folder, so that their sweep leaves it alone. */
async function partialPath(
  { uploadsDir }: Pick<Federation, 'uploadsDir'>,
  { fileId, digest }: FileCopy,
): Promise<string> {
  const folder = join(uploadsDir, 'copies');
  await mkdir(folder, { recursive: true });
  return join(folder, `${fileId}-${digest}.part`);
}
