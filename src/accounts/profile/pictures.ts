import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { cropImage } from '../../kit/storage/images-crop.ts';
import type { Work } from '../../kit/work.ts';
import { accountProfileChanged } from '../events.ts';
import { Account } from '../model.ts';
import { loadOwnAccount } from './edit.ts';

export const PICTURES = {
  avatar: { width: 400, height: 400, column: 'avatarSha256' },
  banner: { width: 1500, height: 500, column: 'bannerSha256' },
} as const;
export type PictureKind = keyof typeof PICTURES;

/** Throws `withheld` for a picture that is blocked here. Safety, which knows, lies above. */
export type JudgePicture = (
  work: Pick<Work, 'em'>,
  arrival: { readonly door: PictureKind; readonly accountId: number },
  path: string,
) => Promise<unknown>;

/** Renders a file anew, so nothing of the upload itself is ever served. Throws `invalid` for what is not a picture, and as `judge`. */
export async function setPicture(
  work: Pick<Work, 'em' | 'viewer' | 'files'>,
  kind: PictureKind,
  path: string,
  judge: JudgePicture,
): Promise<void> {
  const account = await loadOwnAccount(work);
  await judge(work, { door: kind, accountId: account.id }, path);
  const { width, height, column } = PICTURES[kind];
  const { sha256 } = await work.files.put(await cropImage(path, width, height));
  account[column] = sha256;
  record(work.em, accountProfileChanged, { accountId: account.id });
  await work.em.flush();
}

export async function removePicture(work: Pick<Work, 'em' | 'viewer'>, kind: PictureKind): Promise<void> {
  const account = await loadOwnAccount(work);
  account[PICTURES[kind].column] = null;
  record(work.em, accountProfileChanged, { accountId: account.id });
  await work.em.flush();
}

/** Throws `not_found` unless this is the picture that the account has now: the address is no way to other files. */
export async function loadPicture(
  { em, files }: Pick<Work, 'em' | 'files'>,
  kind: PictureKind,
  accountId: number,
  sha256: string,
): Promise<{ totalBytes: number }> {
  const column = PICTURES[kind].column;
  const known = await em.count(Account, { id: accountId, [column]: sha256, state: 'active' });
  const stat = known === 1 ? await files.stat(sha256) : null;
  if (!stat) throw new AppError('not_found', 'This picture is not here any more.');
  return stat;
}
