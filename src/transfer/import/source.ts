import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { ItemKind } from './model.ts';

/** One thing that a source has, as a document of format.ts. */
export interface FoundItem {
  readonly kind: ItemKind;
  readonly title: string;
  readonly totalBytes: number;
  readonly plan: unknown;
}

/** What is known of bytes before they come. */
export interface WantedBytes {
  /** As the documents of this source name it. */
  readonly place: string;
  /** Null where the source has none. */
  readonly sha256: string | null;
  /** 0 where the source does not say. */
  readonly totalBytes: number;
  readonly mostBytes: number;
}

/** Where things come from. Opened for a look and for each run, so that a run goes on where another process began it. */
export interface Source {
  /** What its documents leave empty is empty; else the headers of files fill it in. */
  readonly isExact: boolean;
  /** All that there is, what others lean on first. Throws `invalid` for what is none of this kind, and `unavailable`. */
  look(signal: AbortSignal): AsyncIterable<FoundItem>;
  /** What a person should know about it, after the look. */
  readonly notes: readonly string[];
  /** Puts bytes into a file, compared with their hash where there is one. Throws `invalid`, `gone` or `unavailable`. */
  bring(wanted: WantedBytes, path: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Throws `invalid` when the bytes of a file are not those of its checksum. */
export async function assertSame(path: string, sha256: string | null): Promise<void> {
  if (sha256 === null) return;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Buffer);
  if (hash.digest('hex') !== sha256) throw new AppError('invalid', t('import.damaged'));
}
