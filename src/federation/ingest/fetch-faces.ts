import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Account } from '../../accounts/model.ts';
import { PICTURES } from '../../accounts/profile/pictures.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { cropImage } from '../../kit/storage/images-crop.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { RemoteActor } from '../model.ts';
import { normalise } from '../normalise.ts';
import { loadEffects } from '../peers/rule.ts';
import { parseAccount } from '../vocabulary/account.ts';

const MOST_BYTES = 10_000_000;
const REMEMBER_FAILURE_MS = 600_000;

/** Fetches the avatar and banner of an account of elsewhere and renders them anew. One that fails is left out. */
export async function fetchFaces(
  { em, files, now }: Pick<Work, 'em' | 'files' | 'now'>,
  { origin, net, uploadsDir, hashGate }: Federation,
  accountId: number,
): Promise<void> {
  const actor = await em.findOne(RemoteActor, { account: accountId });
  const account = actor && (await em.findOne(Account, accountId));
  if (!actor || !account || (await loadEffects(em, account.host)).rejectsMedia) return;
  const told = parseAccount(normalise(actor.document), origin, now());
  for (const [kind, link] of [['avatar', told.icon] as const, ['banner', told.banner] as const]) {
    if (link === null) continue;
    const path = join(uploadsDir, `face-${newId()}`);
    try {
      const { status } = await net.peerFetch(link.url, {
        ...{ maxBytes: MOST_BYTES, saveTo: path, forgetFailureAfterMs: REMEMBER_FAILURE_MS },
      });
      if (status !== 200) continue;
      await hashGate.assertPicture(em, { door: 'remote-face', accountId }, path);
      const { width, height, column } = PICTURES[kind];
      const { sha256 } = await files.put(await cropImage(path, width, height));
      account[column] = sha256;
      await em.flush();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    } finally {
      await rm(path, { force: true });
    }
  }
}
