import { AppError } from '../../kit/errors.ts';
import { sniffFormat } from './formats.ts';
import { parseStrictJson, type StrictJson, shorten } from './strict-json.ts';

/**
 * A safetensors file is a length (u64, little-endian), that many bytes of JSON, and one buffer of bytes. The JSON says
 * for each tensor where it lies in the buffer. All of it comes from strangers: what is accepted here is read the same
 * way by every program, and cannot make one of them read or allocate outside of the file.
 */
export interface SafetensorsHeader {
  /** Where the buffer begins in the file: 8 plus the length of the JSON. */
  readonly dataStartBytes: number;
  /** In the order of the buffer. */
  readonly tensors: readonly TensorInfo[];
  readonly metadata: ReadonlyMap<string, string>;
}

export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Offsets in bytes from the start of the buffer, the end exclusive. */
  readonly begin: number;
  readonly end: number;
}

/** Our limit; the reference reader takes 100,000,000 bytes. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const MAX_TENSORS = 20_000;
const MAX_NAME_CHARS = 256;
const MAX_RANK = 5;

/** Bits of one element. */
export const DTYPE_BITS = {
  ...{ BOOL: 8, U8: 8, I8: 8, U16: 16, I16: 16, F16: 16, BF16: 16, U32: 32, I32: 32, F32: 32 },
  ...{ U64: 64, I64: 64, F64: 64, C64: 64, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
} as const;
export type Dtype = keyof typeof DTYPE_BITS;

/**
 * Length of the JSON as the first 8 bytes tell it. Throws `invalid` when these bytes cannot begin a safetensors file of
 * `totalBytes`; `start` is the first `SNIFF_BYTES` of it.
 */
export function readHeaderBytes(start: Uint8Array, totalBytes: number): number {
  const sniffed = sniffFormat(start);
  if (sniffed.format === 'empty') throw new AppError('invalid', 'The file is empty.');
  if (sniffed.format !== 'safetensors' && sniffed.label !== 'a file of an unknown kind') {
    throw new AppError('invalid', `This is not a safetensors file: it is ${sniffed.label}.`);
  }
  if (start.length < 8) throw new AppError('invalid', 'The file is too short to be a safetensors file.');
  const headerBytes = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  if (headerBytes > BigInt(MAX_HEADER_BYTES)) {
    throw sniffed.format === 'safetensors'
      ? new AppError('invalid', `The header says it has ${headerBytes} bytes; 16 MiB is the most that is read.`)
      : new AppError('invalid', 'This is not a safetensors file: it begins with no header.');
  }
  if (headerBytes < 2n) throw new AppError('invalid', 'The header is empty.');
  if (BigInt(totalBytes) < 8n + headerBytes) {
    throw new AppError(
      'invalid',
      `The file ends inside its header: it has ${totalBytes} bytes, the header alone says ${headerBytes}. The upload may be cut short.`,
    );
  }
  if (start[8] !== 0x7b) throw new AppError('invalid', 'The header does not begin with “{”.');
  return Number(headerBytes);
}

/** `head` is the first 8 + N bytes of a file of `totalBytes`, or more. Throws `invalid` with a sentence for the owner. */
export function parseSafetensors(head: Uint8Array, totalBytes: number): SafetensorsHeader {
  const headerBytes = readHeaderBytes(head, totalBytes);
  const dataStartBytes = 8 + headerBytes;
  if (head.length < dataStartBytes) throw new AppError('invalid', 'The file ends inside its header.');
  const root = parseStrictJson(decode(head.subarray(8, dataStartBytes)), 'The header');
  if (!isMap(root)) throw new AppError('invalid', 'The header is not a JSON object.');
  const named = [...root].filter(([name]) => name !== '__metadata__');
  if (named.length > MAX_TENSORS) {
    throw new AppError('invalid', `The file has ${named.length} tensors; ${MAX_TENSORS} is the most.`);
  }
  const tensors = named.map(([name, entry]) => readTensor(name, entry));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  assertContiguous(tensors, totalBytes - dataStartBytes);
  return { dataStartBytes, tensors, metadata: readMetadata(root.get('__metadata__')) };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new AppError('invalid', 'The header is not valid UTF-8.', { cause });
  }
}

function readTensor(name: string, entry: StrictJson): TensorInfo {
  const bad = (how: string) => new AppError('invalid', `The tensor “${shorten(name)}” ${how}.`);
  if (name.length > MAX_NAME_CHARS) throw bad(`has a name longer than ${MAX_NAME_CHARS} characters`);
  if (!isMap(entry)) throw bad('has no description');
  for (const key of entry.keys()) if (!TENSOR_KEYS.has(key)) throw bad(`has the unknown field “${shorten(key)}”`);
  const dtype = entry.get('dtype');
  if (!isDtype(dtype)) throw bad(`has the unknown number type “${shorten(String(dtype))}”`);
  const shape = entry.get('shape');
  if (!isWholeNumbers(shape)) throw bad('has a shape that is not a list of whole numbers');
  if (shape.length > MAX_RANK) throw bad(`has ${shape.length} dimensions; ${MAX_RANK} is the most`);
  const offsets = entry.get('data_offsets');
  const [begin, end] = isWholeNumbers(offsets) ? offsets : [];
  if (begin === undefined || end === undefined || (Array.isArray(offsets) && offsets.length !== 2)) {
    throw bad('does not say where its bytes are');
  }
  if (end < begin) throw bad('ends before it begins');
  // In BigInt: five dimensions of 2^53 overflow every other number
  const bits = shape.reduce((product, side) => product * BigInt(side), 1n) * BigInt(DTYPE_BITS[dtype]);
  if (bits % 8n !== 0n) throw bad('does not fill whole bytes');
  if (bits / 8n !== BigInt(end - begin)) {
    throw bad(`needs ${bits / 8n} bytes for its shape, but has ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function assertContiguous(tensors: readonly TensorInfo[], bufferBytes: number): void {
  let at = 0;
  for (const { name, begin, end } of tensors) {
    if (begin > at) throw new AppError('invalid', `There is a hole of ${begin - at} bytes before “${shorten(name)}”.`);
    if (begin < at) throw new AppError('invalid', `The tensor “${shorten(name)}” overlaps the one before it.`);
    at = end;
  }
  if (at > bufferBytes) {
    throw new AppError(
      'invalid',
      `The file is cut short: its tensors need ${at} bytes, but only ${bufferBytes} are there.`,
    );
  }
  if (at < bufferBytes) {
    throw new AppError('invalid', `${bufferBytes - at} bytes after the last tensor belong to nothing.`);
  }
}

function readMetadata(value: StrictJson | undefined): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined || value === null) return metadata;
  if (!isMap(value)) throw new AppError('invalid', 'The metadata of the header is not a JSON object.');
  for (const [key, text] of value) {
    if (typeof text !== 'string') throw new AppError('invalid', `The metadata field “${shorten(key)}” is not a text.`);
    metadata.set(key, text);
  }
  return metadata;
}

const TENSOR_KEYS: ReadonlySet<string> = new Set(['dtype', 'shape', 'data_offsets']);

const isMap = (value: StrictJson | undefined): value is ReadonlyMap<string, StrictJson> => value instanceof Map;

const isDtype = (value: StrictJson | undefined): value is Dtype =>
  typeof value === 'string' && Object.hasOwn(DTYPE_BITS, value);

const isWholeNumbers = (value: StrictJson | undefined): value is readonly number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
