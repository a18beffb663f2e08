import { rm, stat } from 'node:fs/promises';
import { download } from '../../federation/copies/download.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import { t } from '../../kit/web/messages.ts';
import { assertSame, type WantedBytes } from '../import/source.ts';

const LONGEST_JSON_MS = 60_000;
const LONGEST_FILE_MS = 600_000;

type Headers = Readonly<Record<string, string>>;
/** What is said to one host alone: a key goes to nobody else, also not after a redirect. */
export type HeadersFor = (url: URL) => Headers;

/** Throws `not_found`, `forbidden`, `unavailable`, or `invalid` for what is no JSON. */
export async function fetchJson(
  net: Pick<Net, 'peerFetch'>,
  url: string,
  headers: HeadersFor,
  signal: AbortSignal,
): Promise<unknown> {
  const options = { maxBytes: 20_000_000, timeoutMs: LONGEST_JSON_MS, signal };
  const reply = await net.peerFetch(url, {
    ...options,
    headers: (hop) => ({ accept: 'application/json', ...headers(hop) }),
  });
  if (reply.status === 404) throw new AppError('not_found', t('import.source-nothing'));
  if (reply.status === 401 || reply.status === 403) throw new AppError('forbidden', t('import.source-refused'));
  if (reply.status !== 200) throw new AppError('unavailable', t('import.answered', { status: reply.status }));
  try {
    return JSON.parse(reply.body.toString('utf8'));
  } catch (cause) {
    throw new AppError('invalid', t('import.no-json'), { cause });
  }
}

/** A file at an address: with its hash and length it goes on after a break, else it is read in one go. */
export async function fetchFile(
  net: Pick<Net, 'peerFetch'>,
  { place, sha256, totalBytes, mostBytes }: WantedBytes,
  headers: HeadersFor,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  if (sha256 !== null && totalBytes > 0) {
    const options = { signal, onProgress: () => undefined, sign: headers };
    return download(net, { url: place, sha256, totalBytes }, path, options);
  }
  await rm(path, { force: true });
  const options = { maxBytes: mostBytes, timeoutMs: LONGEST_FILE_MS, saveTo: path, headers, signal };
  const reply = await net.peerFetch(place, options);
  if (reply.status === 404 || reply.status === 410) throw new AppError('gone', t('import.source-gone'));
  if (reply.status === 401 || reply.status === 403) throw new AppError('forbidden', t('import.source-refused'));
  if (reply.status !== 200) throw new AppError('unavailable', t('import.answered', { status: reply.status }));
  await assertSame(path, sha256);
  const { size } = await stat(path);
  if (totalBytes > 0 && size !== totalBytes) throw new AppError('invalid', t('import.damaged'));
}
