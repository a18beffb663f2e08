import { AppError } from '../../kit/errors.ts';
import { GGML_TYPES } from './ggml-types.ts';
import { shorten } from './strict-json.ts';

/** What the header of a GGUF file (version 2 or 3) says, as far as this node uses it. Absent texts are ''. */
export interface GgufHeader {
  readonly architecture: string;
  readonly name: string;
  readonly author: string;
  readonly license: string;
  /** The type that most bytes have, such as `Q4_K`. */
  readonly quantization: string;
  readonly tensorCount: number;
  readonly headerBytes: number;
}

/** More than any header of an image model: the largest hold the vocabulary of a text encoder. */
export const MAX_GGUF_HEADER_BYTES = 64 * 1024 * 1024;
const MAX_COUNT = 1_000_000n;
const MAX_TENSORS = 20_000n;
const MAX_KEY_BYTES = 65_535n;
const MAX_NAME_BYTES = 256n;
const MAX_ARRAY_DEPTH = 3;
const KEPT_KEYS = new Set(['general.architecture', 'general.name', 'general.author', 'general.license']);
const DEFAULT_ALIGNMENT_BYTES = 32;

/** Bytes of the value types 0 to 12; strings (8) and arrays (9) tell their own length. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const [UINT32, STRING, ARRAY] = [4, 8, 9];

/**
 * `head` begins the file of `totalBytes`. Null when more of the file is needed; the caller comes again with more, up to
 * `MAX_GGUF_HEADER_BYTES`. Throws `invalid` with a sentence for the owner.
 */
export function parseGguf(head: Uint8Array, totalBytes: number): GgufHeader | null {
  try {
    return new Parser(head, totalBytes).parse();
  } catch (error) {
    if (!(error instanceof Short)) throw error;
    if (head.length >= totalBytes) throw new AppError('invalid', 'The file ends inside its GGUF header.');
    if (head.length >= MAX_GGUF_HEADER_BYTES) throw new AppError('invalid', 'The GGUF header is longer than 64 MiB.');
    return null;
  }
}

/** Thrown and caught in this file only. */
class Short extends Error {}

class Parser {
  private readonly view: DataView;
  private readonly totalBytes: number;
  private readonly kept = new Map<string, string>();
  private at = 0;
  private alignmentBytes = DEFAULT_ALIGNMENT_BYTES;

  constructor(head: Uint8Array, totalBytes: number) {
    this.view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    this.totalBytes = totalBytes;
  }

  parse(): GgufHeader {
    if (this.u32() !== 0x46554747) throw new AppError('invalid', 'This is not a GGUF file.');
    const version = this.u32();
    if (version !== 2 && version !== 3) throw new AppError('invalid', `GGUF version ${version} is not supported.`);
    const tensorCount = this.count(MAX_TENSORS, 'tensors');
    const fieldCount = this.count(MAX_COUNT, 'fields');
    const keys = new Set<string>();
    for (let field = 0; field < fieldCount; field += 1) this.field(keys);
    const quantization = this.tensors(tensorCount);
    const text = (key: string) => (this.kept.get(key) ?? '').slice(0, 2_000);
    return {
      architecture: text('general.architecture'),
      name: text('general.name'),
      author: text('general.author'),
      license: text('general.license'),
      ...{ quantization, tensorCount, headerBytes: this.at },
    };
  }

  private field(keys: Set<string>): void {
    const key = this.string(MAX_KEY_BYTES, 'a field name');
    if (keys.has(key)) throw new AppError('invalid', `The header has the field “${shorten(key)}” twice.`);
    keys.add(key);
    const type = this.u32();
    if (key === 'general.alignment') {
      if (type !== UINT32) throw new AppError('invalid', 'The alignment of the file is not a number.');
      this.alignmentBytes = this.u32();
      if (this.alignmentBytes === 0 || this.alignmentBytes % 8 !== 0 || this.alignmentBytes > 65_536) {
        throw new AppError('invalid', 'The alignment of the file is not a multiple of 8.');
      }
    } else if (type === STRING && KEPT_KEYS.has(key)) this.kept.set(key, this.string(MAX_KEY_BYTES, key));
    else this.skipValue(type, 0);
  }

  private skipValue(type: number, depth: number): void {
    if (type === STRING) this.skip(this.u64());
    else if (type === ARRAY) this.skipArray(depth);
    else this.skip(BigInt(valueBytes(type)));
  }

  private skipArray(depth: number): void {
    if (depth >= MAX_ARRAY_DEPTH) throw new AppError('invalid', 'The header nests lists too deeply.');
    const type = this.u32();
    const length = this.count(MAX_COUNT, 'items in one list');
    if (type !== STRING && type !== ARRAY) this.skip(BigInt(valueBytes(type)) * BigInt(length));
    else for (let item = 0; item < length; item += 1) this.skipValue(type, depth + 1);
  }

  /** Returns the type that most bytes have. */
  private tensors(tensorCount: number): string {
    const names = new Set<string>();
    const bytesOf = new Map<string, bigint>();
    let endBytes = 0n;
    for (let index = 0; index < tensorCount; index += 1) {
      const name = this.string(MAX_NAME_BYTES, 'a tensor name');
      if (names.has(name)) throw new AppError('invalid', `The tensor “${shorten(name)}” is there twice.`);
      names.add(name);
      const { type, bytes } = this.tensorSize(name);
      const offset = this.u64();
      if (offset % BigInt(this.alignmentBytes) !== 0n) {
        throw new AppError('invalid', `The tensor “${shorten(name)}” is not aligned.`);
      }
      if (offset + bytes > endBytes) endBytes = offset + bytes;
      bytesOf.set(type, (bytesOf.get(type) ?? 0n) + bytes);
    }
    const dataStart = BigInt(Math.ceil(this.at / this.alignmentBytes) * this.alignmentBytes);
    if (dataStart + endBytes > BigInt(this.totalBytes)) {
      throw new AppError('invalid', `The file is cut short: its tensors need ${dataStart + endBytes} bytes.`);
    }
    return [...bytesOf].sort((a, b) => (a[1] < b[1] ? 1 : -1))[0]?.[0] ?? '';
  }

  private tensorSize(name: string): { type: string; bytes: bigint } {
    const rank = this.u32();
    if (rank > 5) throw new AppError('invalid', `The tensor “${shorten(name)}” has ${rank} dimensions.`);
    let elements = 1n;
    for (let axis = 0; axis < rank; axis += 1) elements *= this.u64();
    const id = this.u32();
    const type = GGML_TYPES.get(id);
    if (!type) throw new AppError('invalid', `The tensor “${shorten(name)}” has the unknown number type ${id}.`);
    const [label, blockElements, blockBytes] = type;
    if (elements % BigInt(blockElements) !== 0n) {
      throw new AppError('invalid', `The tensor “${shorten(name)}” does not fill whole blocks.`);
    }
    return { type: label, bytes: (elements / BigInt(blockElements)) * BigInt(blockBytes) };
  }

  private count(most: bigint, of: string): number {
    const count = this.u64();
    if (count > most) throw new AppError('invalid', `The header says that it has ${count} ${of}; ${most} is the most.`);
    return Number(count);
  }

  private string(mostBytes: bigint, what: string): string {
    const length = this.u64();
    if (length > mostBytes) throw new AppError('invalid', `The header has ${what} of ${length} bytes.`);
    const start = this.at;
    this.skip(length);
    try {
      const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + start, Number(length));
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new AppError('invalid', 'The header is not valid UTF-8.', { cause });
    }
  }

  private u32(): number {
    this.need(4);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  private u64(): bigint {
    this.need(8);
    this.at += 8;
    return this.view.getBigUint64(this.at - 8, true);
  }

  private skip(bytes: bigint): void {
    if (bytes > BigInt(this.totalBytes))
      throw new AppError('invalid', 'The GGUF header says more than the file holds.');
    this.need(Number(bytes));
    this.at += Number(bytes);
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.view.byteLength) throw new Short();
  }
}

function valueBytes(type: number): number {
  const bytes = VALUE_BYTES[type];
  if (!bytes) throw new AppError('invalid', `The header has a value of the unknown type ${type}.`);
  return bytes;
}
