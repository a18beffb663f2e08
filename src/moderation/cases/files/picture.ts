import { scanForViruses } from '../../../catalogue/uploads/judge.ts';
import { plainWebp } from '../../../kit/storage/images-plain.ts';
import type { Work } from '../../../kit/work.ts';
import type { Door } from '../../../safety/hashes/doors.ts';
import type { Desk } from '../desk.ts';

/** A phone's photo has 12 to 50 megapixels. */
const MOST_PIXELS = 60_000_000;
const SCAN_MS = 60_000;

export interface Drawn {
  readonly webp: Buffer;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly mostSide: number;
  readonly mostBytes: number;
}

/**
 * What a party sent, drawn anew: nothing of the file itself is kept, nor where and with what it was made. Looked at by
 * the virus scanner and compared with the blocks before that. Throws `invalid` for what is no picture, `too_large`, and
 * `withheld` for what must not be here.
 */
export async function takePicture(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { hashGate, clamdSocket }: Pick<Desk, 'hashGate' | 'clamdSocket'>,
  door: Door,
  path: string,
  size: Size,
): Promise<Drawn> {
  await scanForViruses(path, { clamdSocket }, AbortSignal.timeout(SCAN_MS));
  await hashGate.assertPicture(em, { door, accountId: viewer?.id ?? null }, path);
  return plainWebp(path, { mostPixels: MOST_PIXELS, ...size });
}
