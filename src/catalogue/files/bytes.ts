import type { FileHandle } from 'node:fs/promises';
import { AppError } from '../../kit/errors.ts';

/** Bytes of a file at any place, so that a parser can jump without holding the file. */
export interface Bytes {
  readonly totalBytes: number;
  /** Exactly these bytes. Throws `invalid` when the file has fewer. */
  read(atBytes: number, lengthBytes: number): Promise<Buffer>;
}

export async function fileBytes(handle: FileHandle): Promise<Bytes> {
  const { size: totalBytes } = await handle.stat();
  return {
    totalBytes,
    read: async (atBytes, lengthBytes) => {
      assertWithin(atBytes, lengthBytes, totalBytes);
      const buffer = Buffer.alloc(lengthBytes);
      for (let done = 0; done < lengthBytes; ) {
        const { bytesRead } = await handle.read(buffer, done, lengthBytes - done, atBytes + done);
        if (bytesRead === 0) throw new AppError('unavailable', 'The file became shorter while it was read.');
        done += bytesRead;
      }
      return buffer;
    },
  };
}

export function memoryBytes(bytes: Uint8Array): Bytes {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    totalBytes: buffer.length,
    read: async (atBytes, lengthBytes) => {
      assertWithin(atBytes, lengthBytes, buffer.length);
      return buffer.subarray(atBytes, atBytes + lengthBytes);
    },
  };
}

function assertWithin(atBytes: number, lengthBytes: number, totalBytes: number): void {
  if (!Number.isSafeInteger(atBytes) || atBytes < 0 || lengthBytes < 0 || atBytes + lengthBytes > totalBytes) {
    throw new AppError('invalid', 'The file points outside of itself, or is cut short.');
  }
}
