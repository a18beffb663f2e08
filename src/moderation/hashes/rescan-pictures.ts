import { buffer } from 'node:stream/consumers';
import { Account } from '../../accounts/model.ts';
import { PICTURES } from '../../accounts/profile/pictures.ts';
import { DatasetItem } from '../../compute/datasets/model.ts';
import { Image } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import type { Bank } from '../../safety/hashes/bank.ts';
import { type HashGate, readPdq, writePdq } from '../../safety/hashes/gate.ts';
import type { Hit } from '../../safety/hashes/hits.ts';
import { type FoundThing, keepFound } from './found.ts';

const BATCH = 1_000;

interface HashedRow {
  id: number | string;
  owner_id: number;
  sha256: string | null;
  pdq: string | null;
}

/** What the tables are called, and how a page of them is read; takes the last id and `BATCH`. */
const TABLES = [
  {
    kind: 'image',
    entity: Image,
    first: 0,
    sql: `select i.id, i.owner_id, i.sha256, i.pdq from image i
      where i.deleted_at is null and (i.sha256 is not null or i.pdq is not null) and i.id > ? order by i.id limit ?`,
  },
  {
    kind: 'dataset-item',
    entity: DatasetItem,
    first: '00000000-0000-0000-0000-000000000000',
    sql: `select i.id, d.owner_id, i.sha256, i.pdq from dataset_item i join dataset d on d.id = i.dataset_id
      where i.deleted_at is null and i.id > ? order by i.id limit ?`,
  },
] as const;

/** By their look. What came before pictures were hashed is hashed now, once. */
export async function rescanPictures(work: Work, gate: HashGate, bank: Bank, handle: JobHandle): Promise<void> {
  const em = work.em.fork();
  for (const { kind, entity, first, sql } of TABLES) {
    let last: number | string = first;
    for (;;) {
      handle.signal.throwIfAborted();
      const page: HashedRow[] = await rows<HashedRow>(em, sql, [last, BATCH]);
      for (const { id, owner_id: ownerId, sha256, pdq } of page) {
        const known = pdq ?? writePdq(await framesOf(work, gate, sha256, handle.signal));
        if (pdq === null) await em.nativeUpdate(entity as typeof Image, { id: id as number }, { pdq: known });
        await keepMatch(work, bank, readPdq(known), { kind, id, ownerId });
      }
      const end: HashedRow | undefined = page.at(-1);
      if (!end || page.length < BATCH) break;
      last = end.id;
    }
  }
}

/** Avatars and banners are small and few, so they carry no hashes: they are looked at each time. */
export async function rescanFaces(work: Work, gate: HashGate, bank: Bank, handle: JobHandle): Promise<void> {
  const em = work.em.fork();
  for (let last = 0; ; ) {
    const where = { id: { $gt: last }, $or: [{ avatarSha256: { $ne: null } }, { bannerSha256: { $ne: null } }] };
    const page = await em.find(Account, where, { orderBy: { id: 1 }, limit: BATCH });
    for (const account of page) {
      for (const kind of ['avatar', 'banner'] as const) {
        const sha256 = account[PICTURES[kind].column];
        if (sha256 == null) continue;
        const frames = await framesOf(work, gate, sha256, handle.signal);
        await keepMatch(work, bank, frames, { kind, id: account.id, ownerId: account.id });
      }
    }
    last = page.at(-1)?.id ?? 0;
    em.clear();
    if (page.length < BATCH) return;
  }
}

async function keepMatch(work: Work, bank: Bank, frames: readonly (readonly string[])[], thing: FoundThing) {
  const match = frames.length === 0 ? null : bank.match(frames);
  if (!match) return;
  const { block, hash: digest, distance, verdict } = match;
  await keepFound(work, thing, { block, digest, distance, verdict } satisfies Hit);
}

/** None where the bytes are gone or are no picture any more. */
async function framesOf(
  { files }: Pick<Work, 'files'>,
  gate: HashGate,
  sha256: string | null,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  signal.throwIfAborted();
  if (sha256 === null) return [];
  try {
    return await gate.frames(files.localPath(sha256) ?? (await buffer(files.open(sha256))));
  } catch (error) {
    if (error instanceof AppError && error.kind !== 'unavailable') return [];
    throw error;
  }
}
