import { open } from 'node:fs/promises';
import { AppError } from '../../kit/errors.ts';
import { SNIFF_BYTES, type Sniffed, sniffFormat } from './formats.ts';
import { MAX_HEADER_BYTES, parseSafetensors } from './safetensors.ts';

export interface Inspection {
  readonly sniffed: Sniffed;
  /** Why the node does not take the file, for its owner; null when it is sound. */
  readonly refusal: string | null;
}

export async function inspectFile(path: string, _fileName: string): Promise<Inspection> {
  const handle = await open(path, 'r');
  try {
    const { size: totalBytes } = await handle.stat();
    const start = Buffer.alloc(Math.min(SNIFF_BYTES, totalBytes));
    await handle.read(start, 0, start.length, 0);
    const sniffed = sniffFormat(start);
    const head = Buffer.alloc(Math.min(8 + MAX_HEADER_BYTES, totalBytes));
    await handle.read(head, 0, head.length, 0);
    try {
      parseSafetensors(head, totalBytes);
      return { sniffed, refusal: null };
    } catch (error) {
      if (error instanceof AppError) return { sniffed, refusal: error.message };
      throw error;
    }
  } finally {
    await handle.close();
  }
}
