import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import { inspectImage } from '../../kit/storage/images.ts';
import type { Evidence, HashGate } from '../../safety/hashes/gate.ts';
import { type Bytes, fileBytes, memoryBytes } from '../files/bytes.ts';
import { ShaDigest } from '../files/digests.ts';
import { SNIFF_BYTES, sniffFormat } from '../files/formats.ts';
import { bytesBeforeZip, listZipEntries, openZipEntry, readZipEntry, type ZipEntry } from '../files/zip.ts';

// An archive is looked through before anything of it is kept: each member by what its bytes are, whatever it is called,
// archives in archives too, and archives that hang behind a picture. What cannot be looked into is not taken.

export interface ArchiveRules {
  readonly gate: HashGate;
  readonly accountId: number;
  /** What would be held is refused as well: nothing in an archive can wait for a moderator by itself. */
  readonly isHoldRefused: boolean;
  readonly signal: AbortSignal;
}

const MOST_DEPTH = 3;
/** In all archives together. */
const MOST_MEMBERS = 20_000;
const MOST_UNPACKED_BYTES = 20_000_000_000;
/** More than this is not looked at as a picture, only hashed as it goes by. */
const MOST_HELD_BYTES = 64 * 1024 * 1024;
/** Archives in archives are held in memory, one in the other. */
const MOST_NESTED_BYTES = 256 * 1024 * 1024;
/** Text packs about four to one; a bomb packs a thousand to one. */
const MOST_RATIO = 200;
const RATIO_FROM_BYTES = 1_000_000;

interface Budget {
  members: number;
  unpackedBytes: number;
  nestedBytes: number;
}

/**
 * Throws `withheld` when something in this file is blocked, `invalid` for an archive that cannot be looked into or that
 * unpacks to far more than it is, `too_large` for more than anybody would mean. A file that is no archive is looked at
 * as a picture, if it is one.
 */
export async function judgeArchive(em: EntityManager, path: string, rules: ArchiveRules): Promise<void> {
  const handle = await open(path, 'r');
  try {
    const bytes = await fileBytes(handle);
    const budget = { members: MOST_MEMBERS, unpackedBytes: MOST_UNPACKED_BYTES, nestedBytes: MOST_NESTED_BYTES };
    // its digest was compared by who hashed it
    await judgeBytes(em, bytes, { rules, budget, depth: 0, sha256s: [] });
  } finally {
    await handle.close();
  }
}

interface Place {
  readonly rules: ArchiveRules;
  readonly budget: Budget;
  readonly depth: number;
  readonly sha256s: readonly string[];
}

async function judgeBytes(em: EntityManager, bytes: Bytes, place: Place): Promise<void> {
  place.rules.signal.throwIfAborted();
  const head = await bytes.read(0, Math.min(bytes.totalBytes, SNIFF_BYTES));
  await judgeEvidence(em, place.rules, await evidenceOf(bytes, head, place));
  await judgeInside(em, bytes, place, sniffFormat(head).format === 'zip');
}

async function evidenceOf(bytes: Bytes, head: Buffer, { rules, sha256s }: Place): Promise<Evidence> {
  if (bytes.totalBytes > MOST_HELD_BYTES) return { sha256s };
  const whole = await bytes.read(0, bytes.totalBytes);
  if (sniffFormat(head).format === 'safetensors') return { sha256s, tensorSha256: tensorsOf([whole]) };
  return { sha256s, frames: await framesOf(rules.gate, whole) };
}

/** None for what is no picture, or cannot be decoded: its digest is all that there is. */
async function framesOf(gate: HashGate, bytes: Uint8Array): Promise<readonly (readonly string[])[]> {
  try {
    await inspectImage(bytes);
    return await gate.frames(bytes);
  } catch (error) {
    if (error instanceof AppError) return [];
    throw error;
  }
}

function tensorsOf(pieces: readonly Uint8Array[]): string | null {
  const digest = new ShaDigest();
  for (const piece of pieces) digest.update(piece);
  return digest.finish().tensorSha256?.toLowerCase() ?? null;
}

async function judgeEvidence(em: EntityManager, rules: ArchiveRules, evidence: Evidence): Promise<void> {
  const { gate, accountId, isHoldRefused } = rules;
  const judged = await gate.judge(em, { door: 'archive-member', accountId }, evidence);
  if (isHoldRefused) await gate.assertNotHeld(em, judged);
}

async function judgeInside(em: EntityManager, bytes: Bytes, place: Place, isZip: boolean): Promise<void> {
  const before = await bytesBeforeZip(bytes);
  if (before === null && !isZip) return;
  if (place.depth >= MOST_DEPTH) throw new AppError('invalid', 'There are too many archives in this archive.');
  const inner = before === null || before === 0 ? bytes : after(bytes, before);
  const entries = await listZipEntries(inner).catch((error: unknown) => {
    // in the data of a picture four bytes may look like the end of an archive
    if (error instanceof AppError && !isZip) return [];
    throw error;
  });
  for (const entry of entries) if (!entry.name.endsWith('/')) await judgeMember(em, inner, entry, place);
}

async function judgeMember(em: EntityManager, bytes: Bytes, entry: ZipEntry, place: Place): Promise<void> {
  const { budget, rules } = place;
  const { packedBytes, unpackedBytes } = entry;
  rules.signal.throwIfAborted();
  if (unpackedBytes > RATIO_FROM_BYTES && unpackedBytes > packedBytes * MOST_RATIO) {
    throw new AppError('invalid', 'The archive unpacks to far more than it is; such archives are not taken.');
  }
  budget.members -= 1;
  budget.unpackedBytes -= unpackedBytes;
  if (budget.members < 0 || budget.unpackedBytes < 0) {
    throw new AppError('too_large', 'There is more in this archive than is taken here.');
  }
  if (unpackedBytes > MOST_HELD_BYTES) {
    const digest = new ShaDigest();
    for await (const piece of await openZipEntry(bytes, entry)) digest.update(piece as Buffer);
    const { sha256, tensorSha256, sniffed } = digest.finish();
    if (sniffed.format === 'zip') throw new AppError('too_large', 'An archive in this archive is too large.');
    const tensors = tensorSha256?.toLowerCase() ?? null;
    return judgeEvidence(em, rules, { sha256s: [sha256.toLowerCase()], tensorSha256: tensors });
  }
  budget.nestedBytes -= unpackedBytes;
  if (budget.nestedBytes < 0) throw new AppError('too_large', 'The archives in this archive are too large.');
  try {
    const member = await readZipEntry(bytes, entry, MOST_HELD_BYTES);
    const sha256s = [createHash('sha256').update(member).digest('hex')];
    await judgeBytes(em, memoryBytes(member), { ...place, depth: place.depth + 1, sha256s });
  } finally {
    budget.nestedBytes += unpackedBytes;
  }
}

const after = (bytes: Bytes, startBytes: number): Bytes => ({
  totalBytes: bytes.totalBytes - startBytes,
  read: (atBytes, lengthBytes) => bytes.read(startBytes + atBytes, lengthBytes),
});
