import { execFile } from 'node:child_process';
import { z } from 'zod';
import { engineEnv } from './child.ts';

/** One byte a pixel, row by row. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const Answer = z.object({ faces: z.array(z.int().nonnegative()) });
/** Exit status of `--faces` without a detector. */
const MISSING = 3;
const START_MS = 60_000;
const EACH_MS = 5_000;

/**
 * How many faces a detector sees in each picture; null where none is installed. A short process of its own, at low
 * priority and without torch: generation and training go on beside it. It gets pixels that we decoded, never a file.
 */
export function countFaces(
  pythonPath: string,
  engineDir: string,
  pictures: readonly GreyPicture[],
  signal: AbortSignal,
): Promise<readonly number[] | null> {
  const timeout = START_MS + EACH_MS * pictures.length;
  const options = { cwd: engineDir, env: engineEnv({ pythonPath, engineDir }), timeout, signal, maxBuffer: 1 << 20 };
  return new Promise((resolve, reject) => {
    const child = execFile(pythonPath, ['-m', 'tessera_engine', '--faces'], options, (error, stdout) => {
      if (error?.code === MISSING || String(error?.code) === 'ENOENT') return resolve(null);
      if (error) return reject(error);
      try {
        resolve(Answer.parse(JSON.parse(stdout)).faces);
      } catch (cause) {
        reject(new Error('The detector of faces answered something else.', { cause }));
      }
    });
    child.stdin?.on('error', () => {}); // it ended early; its exit says why
    for (const { width, height, data } of pictures) {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(width);
      head.writeUInt32LE(height, 4);
      child.stdin?.write(head);
      child.stdin?.write(data);
    }
    child.stdin?.end();
  });
}
