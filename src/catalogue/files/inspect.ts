import { open } from 'node:fs/promises';
import { AppError } from '../../kit/errors.ts';
import { type Bytes, fileBytes } from './bytes.ts';
import { type Detection, detectGguf, detectSafetensors } from './detect.ts';
import { SNIFF_BYTES, type Sniffed, sniffFormat } from './formats.ts';
import { MAX_GGUF_HEADER_BYTES, parseGguf } from './gguf.ts';
import { type PickleScan, scanPickle } from './pickle.ts';
import { parseSafetensors, readHeaderBytes } from './safetensors.ts';

export interface Inspection {
  readonly sniffed: Sniffed;
  /** By content: what `ModelFile.format` says. */
  readonly format: 'SafeTensor' | 'GGUF' | 'PickleTensor' | 'Other';
  /** Why the node does not take the file, in a sentence for its owner; null when it is sound. */
  readonly refusal: string | null;
  /** Of a sound safetensors or GGUF file. */
  readonly detection: Detection | null;
  /** Of a pickle, whether or not this node takes any; its result is no refusal. */
  readonly pickle: PickleScan | null;
}

const PICKLE_NAME = /\.(?:ckpt|pt|pth|bin|pkl)$/i;
const FIRST_GGUF_BYTES = 1024 * 1024;

/**
 * The parts of `hash-worker.ts` that need the whole file. Throws only when it cannot be read. `fileName` is what its
 * owner calls it: a file is taken for what its name promises, and refused when it is not that.
 */
export async function inspectFile(path: string, fileName: string): Promise<Inspection> {
  const handle = await open(path, 'r');
  try {
    return await inspectBytes(await fileBytes(handle), fileName);
  } finally {
    await handle.close();
  }
}

export async function inspectBytes(bytes: Bytes, fileName: string): Promise<Inspection> {
  const start = await bytes.read(0, Math.min(SNIFF_BYTES, bytes.totalBytes));
  const sniffed = sniffFormat(start);
  const nothing = { sniffed, refusal: null, detection: null, pickle: null };
  try {
    if (/\.(?:safetensors|sft)$/i.test(fileName) || sniffed.format === 'safetensors') {
      const head = await bytes.read(0, 8 + readHeaderBytes(start, bytes.totalBytes));
      const detection = detectSafetensors(parseSafetensors(head, bytes.totalBytes));
      return { ...nothing, format: 'SafeTensor', detection };
    }
    if (/\.gguf$/i.test(fileName) || sniffed.format === 'gguf') {
      if (sniffed.format !== 'gguf') throw new AppError('invalid', `This is not a GGUF file: it is ${sniffed.label}.`);
      return { ...nothing, format: 'GGUF', detection: await detectGgufFile(bytes) };
    }
    if (PICKLE_NAME.test(fileName) || sniffed.format === 'pickle') {
      return { ...nothing, format: 'PickleTensor', pickle: await scanPickle(bytes) };
    }
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'invalid') throw error;
    return { ...nothing, format: 'Other', refusal: error.message };
  }
  if (sniffed.format === 'empty') return { ...nothing, format: 'Other', refusal: 'The file is empty.' };
  return { ...nothing, format: 'Other' };
}

async function detectGgufFile(bytes: Bytes): Promise<Detection> {
  for (let headBytes = FIRST_GGUF_BYTES; ; headBytes *= 4) {
    const head = await bytes.read(0, Math.min(headBytes, MAX_GGUF_HEADER_BYTES, bytes.totalBytes));
    const header = parseGguf(head, bytes.totalBytes);
    if (header) return detectGguf(header);
  }
}
