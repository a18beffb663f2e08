import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { matchesPassword } from '../access/passwords.ts';
import { accountMoved, accountProfileChanged } from '../events.ts';
import { Account } from '../model.ts';

/*
 * Moving as the fediverse knows it (FEP-7628): the new account names the old one among its aliases, the old one says
 * where it went, and followers are carried over by the servers that they live on. What was published stays.
 */

const handle = z.string().trim().min(3, 'An address such as @name@host.').max(2_000);
export const AliasForm = z.object({ handle });
export const MoveForm = z.object({ handle, password: z.string().min(1, 'Your password.').max(1_000) });

/** An account, here or elsewhere, as it is at its home now. */
export interface FoundActor {
  readonly accountId: number;
  readonly uri: string;
  readonly aliases: readonly string[];
  readonly movedToUri: string | null;
}

/** Given by the room above, because it asks the peer. Null when there is none, or when it does not answer. */
type FindActor = (work: Work, handle: string) => Promise<FoundActor | null>;

export interface MovingDeps {
  /** Null where the node does not federate. */
  readonly findActor: FindActor | null;
  /** The id of an account of ours. */
  readonly uriOf: (account: Account) => string;
}

const MOST_ALIASES = 10;
export const PAUSE_DAYS = 30;
const PAUSE_MS = PAUSE_DAYS * 86_400_000;

/** Says that another account is the viewer's too, so that it may move here. */
export async function addAlias(work: Work, deps: MovingDeps, { handle }: z.output<typeof AliasForm>): Promise<void> {
  const account = await loadOwn(work);
  const found = await resolve(work, deps, handle);
  if (found.accountId === account.id) throw refused('handle', 'This is the account that you are in.');
  const aliases = account.aliases ?? [];
  if (aliases.includes(found.uri)) return;
  if (aliases.length >= MOST_ALIASES) throw refused('handle', `At most ${MOST_ALIASES} other accounts.`);
  account.aliases = [...aliases, found.uri];
  record(work.em, accountProfileChanged, { accountId: account.id });
  await work.em.flush();
}

export async function removeAlias(work: Pick<Work, 'em' | 'viewer'>, uri: string): Promise<void> {
  const account = await loadOwn(work);
  account.aliases = (account.aliases ?? []).filter((alias) => alias !== uri);
  record(work.em, accountProfileChanged, { accountId: account.id });
  await work.em.flush();
}

/**
 * Moves the viewer's followers to an account that names this one among its aliases. Once in thirty days, because every
 * server of every follower acts on it. Throws `invalid` by field, or `conflict`.
 */
export async function moveAccount(work: Work, deps: MovingDeps, form: z.output<typeof MoveForm>): Promise<void> {
  const { em, now } = work;
  const account = await loadOwn(work);
  if (!(await matchesPassword(work, account, form.password))) throw refused('password', 'This is not your password.');
  if (account.movedToUri != null) throw new AppError('conflict', 'This account has moved already. Cancel that first.');
  if (account.movedAt != null && now().getTime() < account.movedAt.getTime() + PAUSE_MS) {
    throw new AppError('conflict', `An account moves at most once in ${PAUSE_DAYS} days.`);
  }
  const found = await resolve(work, deps, form.handle);
  if (found.accountId === account.id) throw refused('handle', 'This is the account that you are in.');
  if (found.movedToUri !== null) throw refused('handle', 'That account has moved itself.');
  if (!found.aliases.includes(deps.uriOf(account))) {
    throw refused('handle', 'That account does not name this one among its other accounts yet. Add it there first.');
  }
  await em.transactional(async (inner) => {
    await inner.nativeUpdate(Account, { id: account.id }, { movedToUri: found.uri, movedAt: now() });
    record(inner, accountMoved, { accountId: account.id, targetId: found.accountId });
    record(inner, accountProfileChanged, { accountId: account.id });
    await inner.flush();
  });
}

/** The account is in use again. Who followed along stays where they are; the pause before another move goes on. */
export async function cancelMove(work: Pick<Work, 'em' | 'viewer'>): Promise<void> {
  const account = await loadOwn(work);
  if (account.movedToUri == null) return;
  account.movedToUri = null;
  record(work.em, accountProfileChanged, { accountId: account.id });
  await work.em.flush();
}

async function resolve(work: Work, { findActor }: MovingDeps, handle: string): Promise<FoundActor> {
  const found = findActor && (await findActor(work, handle));
  if (!found) throw refused('handle', 'There is no such account, or its server does not answer.');
  return found;
}

async function loadOwn({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<Account> {
  const account = viewer && (await em.findOne(Account, viewer.id));
  if (!account) throw new AppError('unauthenticated', 'Please sign in.');
  return account;
}

const refused = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });
