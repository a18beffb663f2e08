import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { type Bytes, fileBytes } from '../../catalogue/files/bytes.ts';
import { listZipEntries, openZipEntry, readZipEntry, type ZipEntry } from '../../catalogue/files/zip.ts';
import { download } from '../../federation/copies/download.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import { t } from '../../kit/web/messages.ts';
import { assertSame } from '../import/source.ts';
import type { ArchivePlace } from './tessera.ts';

/** A ZIP on this machine. Its directory is read once; each entry when it is asked for. */
export async function openZip(path: string): Promise<{
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly bytes: Bytes;
  extract(entry: ZipEntry, to: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}> {
  const file = await open(path, 'r');
  try {
    const bytes = await fileBytes(file);
    const entries = new Map((await listZipEntries(bytes)).map((entry) => [entry.name, entry]));
    return {
      entries,
      bytes,
      extract: async (entry, to, signal) =>
        pipeline(await openZipEntry(bytes, entry), createWriteStream(to), { signal }),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

export async function zipPlace(path: string): Promise<ArchivePlace> {
  const zip = await openZip(path);
  const find = (name: string): ZipEntry => {
    const entry = zip.entries.get(name);
    if (!entry) throw new AppError('not_found', t('import.not-in-archive'));
    return entry;
  };
  return {
    read: async (name, mostBytes) => readZipEntry(zip.bytes, find(name), mostBytes),
    bring: async (name, { sha256 }, to, signal) => {
      await zip.extract(find(name), to, signal);
      await assertSame(to, sha256);
    },
    close: () => zip.close(),
  };
}

const LONGEST_READ_MS = 120_000;

/** An archive that another node keeps, read entry by entry: what broke off goes on, and nothing lies here twice. */
export function addressPlace(net: Pick<Net, 'peerFetch'>, address: string): ArchivePlace {
  const urlOf = (name: string): string => {
    const url = new URL(address);
    url.searchParams.set('entry', name);
    return url.href;
  };
  return {
    read: async (name, mostBytes) => {
      const reply = await net.peerFetch(urlOf(name), { maxBytes: mostBytes, timeoutMs: LONGEST_READ_MS });
      if (reply.status === 200) return reply.body;
      throw statusError(reply.status);
    },
    bring: (name, { sha256, totalBytes }, to, signal) =>
      download(net, { url: urlOf(name), sha256, totalBytes }, to, { signal, onProgress: () => undefined, sign: null }),
    close: async () => undefined,
  };
}

function statusError(status: number): AppError {
  if (status === 404) return new AppError('not_found', t('import.no-archive'));
  if (status === 410 || status === 451) return new AppError('gone', t('import.archive-over'));
  return new AppError('unavailable', t('import.answered', { status }));
}
