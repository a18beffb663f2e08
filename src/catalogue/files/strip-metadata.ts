import { Transform, type TransformCallback } from 'node:stream';
import { AppError } from '../../kit/errors.ts';
import type { Scrubber } from '../names/scrub.ts';
import { PRIVATE_KEYS } from './metadata-table.ts';
import { MAX_HEADER_BYTES, parseSafetensors, type SafetensorsHeader } from './safetensors.ts';

/** A whole path in any field names the person at the machine. */
const ABSOLUTE_PATH = /^(?:[A-Za-z]:[\\/]|\\\\|\/|~\/)/;

/**
 * The same safetensors file without what tells about the trainer's pictures and machine. The buffer passes untouched,
 * so AutoV3 stays while SHA256 changes. A file of `totalBytes` goes in; an unsound one fails with `invalid`.
 */
export const stripMetadata = (totalBytes: number): Transform => rewriteMetadata(totalBytes, withoutPrivateFields);

/** What stands in the place of a name that was removed after a claim: it breaks no JSON that a value may hold. */
const MASK = '***';

/** The same file with these names masked in its metadata, keys and values. */
export const scrubMetadata = (totalBytes: number, scrubber: Scrubber): Transform =>
  rewriteMetadata(
    totalBytes,
    (metadata) =>
      new Map([...metadata].map(([key, value]) => [scrubber.scrub(key, MASK), scrubber.scrub(value, MASK)])),
  );

type Rewrite = (metadata: ReadonlyMap<string, string>) => ReadonlyMap<string, string>;

function rewriteMetadata(totalBytes: number, rewrite: Rewrite): Transform {
  let head: Buffer[] | null = [];
  let headBytes = 0;
  let neededBytes = 8;

  const take = (bytes: Buffer, stream: Transform): void => {
    if (head === null) {
      stream.push(bytes);
      return;
    }
    head.push(bytes);
    headBytes += bytes.length;
    if (neededBytes === 8 && headBytes >= 8) neededBytes = readNeeded(Buffer.concat(head));
    if (neededBytes === 8 || headBytes < neededBytes) return;
    const whole = Buffer.concat(head);
    head = null;
    stream.push(rewriteHeader(parseSafetensors(whole, totalBytes), rewrite));
    stream.push(whole.subarray(neededBytes));
  };

  return new Transform({
    transform(bytes: Buffer, _encoding, done: TransformCallback) {
      try {
        take(bytes, this);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
    flush(done) {
      done(head === null ? null : new AppError('invalid', 'The file ends inside its header.'));
    },
  });
}

/** What stays of the metadata; a path keeps its last part, because the name of the base model is lineage. */
function withoutPrivateFields(metadata: ReadonlyMap<string, string>): Map<string, string> {
  const kept = new Map<string, string>();
  for (const [key, value] of metadata) {
    if (PRIVATE_KEYS.has(key)) continue;
    kept.set(key, ABSOLUTE_PATH.test(value) ? (value.split(/[\\/]/).at(-1) ?? '') : value);
  }
  return kept;
}

function readNeeded(head: Buffer): number {
  const headerBytes = head.readBigUInt64LE(0);
  if (headerBytes > BigInt(MAX_HEADER_BYTES)) throw new AppError('invalid', 'The header is longer than 16 MiB.');
  return 8 + Math.max(Number(headerBytes), 1);
}

/** Padded to 8 bytes with spaces, as the format's own writer does, so that tensors stay aligned. */
function rewriteHeader({ tensors, metadata }: SafetensorsHeader, rewrite: Rewrite): Buffer {
  const kept = [...rewrite(metadata)];
  // Built from text: a tensor may be called __proto__, or 7, which an object would put first
  const parts = tensors.map(({ name, dtype, shape, begin, end }) => {
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
  });
  if (kept.length > 0) {
    const fields = kept.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    parts.unshift(`"__metadata__":{${fields.join(',')}}`);
  }
  const json = Buffer.from(`{${parts.join(',')}}`);
  const length = Buffer.alloc(8);
  const padding = Buffer.alloc((8 - (json.length % 8)) % 8, ' ');
  length.writeBigUInt64LE(BigInt(json.length + padding.length));
  return Buffer.concat([length, json, padding]);
}
