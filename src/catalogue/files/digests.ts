import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createBLAKE3 } from 'hash-wasm';
import { SNIFF_BYTES, type Sniffed, sniffFormat } from './formats.ts';
import { MAX_HEADER_BYTES } from './safetensors.ts';

/**
 * The hashes of spec/civitai-api.md, section 2.4, in two halves of about the same work, so that two threads finish
 * together: BLAKE3 in WebAssembly costs as much as two SHA-256 in native code and a CRC32.
 */
export interface Digest<Result> {
  /** The first piece holds at least the first `SNIFF_BYTES` bytes, unless the file has fewer. */
  update(bytes: Uint8Array): void;
  finish(): Result;
}

export interface ShaResult {
  readonly sniffed: Sniffed;
  /** All hex is upper case, as the API serves it. */
  readonly sha256: string;
  readonly autoV1: string | null;
  readonly tensorSha256: string | null;
  readonly crc32: string;
}

const AUTO_V1_START_BYTES = 0x100000;
const AUTO_V1_END_BYTES = AUTO_V1_START_BYTES + 0x10000;
const AUTO_V1_LEAST_BYTES = 2 * 1024 * 1024;

export class ShaDigest implements Digest<ShaResult> {
  private readonly whole = createHash('sha256');
  private readonly tensors = createHash('sha256');
  private readonly autoV1 = createHash('sha256');
  private crc = 0;
  private atBytes = 0;
  private sniffed: Sniffed = sniffFormat(new Uint8Array());
  /** Infinity where there is no safetensors header. */
  private tensorStartBytes = Number.POSITIVE_INFINITY;

  update(bytes: Uint8Array): void {
    if (this.atBytes === 0) this.begin(bytes);
    this.whole.update(bytes);
    this.crc = crc32(bytes, this.crc);
    this.updateSpan(this.tensors, bytes, this.tensorStartBytes, Number.POSITIVE_INFINITY);
    this.updateSpan(this.autoV1, bytes, AUTO_V1_START_BYTES, AUTO_V1_END_BYTES);
    this.atBytes += bytes.length;
  }

  finish(): ShaResult {
    const crcBytes = Buffer.alloc(4);
    crcBytes.writeUInt32LE(this.crc); // little-endian: "hello world" is 85114A0D, as Civitai's scanner has it
    return {
      sniffed: this.sniffed,
      sha256: upperHex(this.whole),
      autoV1: this.atBytes < AUTO_V1_LEAST_BYTES ? null : upperHex(this.autoV1).slice(0, 8),
      tensorSha256: this.atBytes < this.tensorStartBytes ? null : upperHex(this.tensors),
      crc32: crcBytes.toString('hex').toUpperCase(),
    };
  }

  private begin(bytes: Uint8Array): void {
    this.sniffed = sniffFormat(bytes.subarray(0, SNIFF_BYTES));
    if (this.sniffed.format !== 'safetensors') return;
    const headerBytes = Buffer.from(bytes.buffer, bytes.byteOffset, 8).readBigUInt64LE();
    if (headerBytes <= BigInt(MAX_HEADER_BYTES)) this.tensorStartBytes = 8 + Number(headerBytes);
  }

  private updateSpan(hash: Hash, bytes: Uint8Array, startBytes: number, endBytes: number): void {
    const from = Math.max(startBytes - this.atBytes, 0);
    const to = Math.min(endBytes - this.atBytes, bytes.length);
    if (from < to) hash.update(bytes.subarray(from, to));
  }
}

/** 256 bits, upper-case hex. */
export async function openBlake3(): Promise<Digest<string>> {
  const hash = await createBLAKE3();
  hash.init();
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    finish: () => hash.digest('hex').toUpperCase(),
  };
}

const upperHex = (hash: Hash): string => hash.digest('hex').toUpperCase();
