import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Uploads } from '../../catalogue/uploads/uploads.ts';
import type { ImageLimits } from '../../gallery/deps.ts';
import { keepPin, type Pinned } from '../../gallery/pins.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { Source, WantedBytes } from './source.ts';

/** What bringing one thing in leans on. */
export interface Taking {
  /** As whoever brings it: every service asks what this person may. */
  readonly work: Work & { readonly viewer: Viewer };
  readonly source: Source;
  readonly uploads: Uploads;
  readonly limits: ImageLimits;
  /** Ratings that may be here at all. */
  readonly allowedLevels: number;
  readonly nodeOrigin: string;
  /** What was public there is published. */
  readonly publishes: boolean;
  /** For bytes on their way. */
  readonly folder: string;
  readonly findPerson: (handle: string) => Promise<number | null>;
  readonly signal: AbortSignal;
}

/** How it went: `known` made nothing, since it is here; problems leave the rest of it in place. */
export interface Taken {
  readonly path: string | null;
  readonly isKnown?: boolean;
  readonly isHeld?: boolean;
  /** What does not lie here because of them is tried again. */
  readonly problems: readonly string[];
  /** What a person should know, and no second try changes. */
  readonly notes?: readonly string[];
}

/** Bytes in a file of their own while `use` has them; what broke off stays for the next try. */
export async function withBytes<T>(
  { source, folder, signal }: Taking,
  wanted: WantedBytes,
  use: (path: string, totalBytes: number) => Promise<T>,
): Promise<T> {
  const name = wanted.sha256 ?? createHash('sha256').update(wanted.place).digest('hex');
  const path = join(folder, `${name}.part`);
  if (wanted.totalBytes > wanted.mostBytes)
    throw new AppError('too_large', 'This file is larger than what is taken here.');
  await source.bring(wanted, path, signal);
  try {
    return await use(path, (await stat(path)).size);
  } finally {
    await rm(path, { force: true });
  }
}

/** What is told of a refusal; what is no refusal passes through. */
export function problemOf(error: unknown, signal: AbortSignal): string {
  if (!(error instanceof AppError) || signal.aborted || error.kind === 'rate_limited') throw error;
  return error.message;
}

/** At the top of the profile, as it was; it is seen there once it is public. Why not, where five are pinned already. */
export async function pinHere({ work, signal }: Taking, target: Pinned): Promise<string[]> {
  try {
    await keepPin({ ...work, em: work.em.fork() }, target);
    return [];
  } catch (error) {
    return [problemOf(error, signal)];
  }
}
