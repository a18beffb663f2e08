import { Account, isLocal } from '../../accounts/model.ts';
import type { FoundActor } from '../../accounts/moving/move.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { refreshActor } from '../actors/load.ts';
import { resolveAccount } from '../actors/resolve.ts';
import { actorUri, readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';

/** An account by its handle or address, read anew at its home: what it says of its other accounts may be a minute old. */
export async function findActorNow(work: Work, federation: Federation, handle: string): Promise<FoundActor | null> {
  const own = readOwnUri(federation.origin, handle);
  const found =
    own?.kind === 'account'
      ? await work.em.findOne(Account, { host: '', name: own.name, state: 'active' })
      : await resolveAccount(work, federation, handle);
  if (!found) return null;
  const account = isLocal(found) ? found : await readAgain(work, federation, found);
  if (!account) return null;
  const { id, aliases, movedToUri } = account;
  return {
    ...{ accountId: id, uri: actorUri(federation.origin, account) },
    ...{ aliases: aliases ?? [], movedToUri: movedToUri ?? null },
  };
}

async function readAgain(work: Work, federation: Federation, account: Account): Promise<Account | null> {
  try {
    return await refreshActor(work, federation, account.uri ?? '');
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}
