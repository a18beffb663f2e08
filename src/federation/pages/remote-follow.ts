import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { type AccountCard, accountCard } from '../../accounts/profile/header.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { parsePeerJson } from '../json.ts';
import { isHostAllowed } from '../policy.ts';
import { readResource, readSubscribeUrl } from '../vocabulary/discovery.ts';

export const RemoteFollowForm = z.object({
  handle: z.string().trim().min(3, 'Give your handle, such as @name@server.example.').max(320),
});

/** Questions that strangers may make this node ask of one server, whoever they are. */
const ASKED_HOST = { name: 'remote-follow-host', max: 20, perMs: 600_000 };
const FORGET_FAILURE_MS = 60_000;
const TIMEOUT_MS = 5_000;

/** Somebody of this node who may be followed. Throws `not_found`. */
export async function loadFollowable({ em }: Pick<Work, 'em'>, accountId: number): Promise<AccountCard> {
  const account = await em.findOne(Account, { id: accountId, host: '', state: 'active' });
  if (!account) throw new AppError('not_found', 'There is no such account.');
  return accountCard(account);
}

/** Where a visitor goes on. */
export interface FollowElsewhere {
  readonly host: string;
  readonly url: string;
}

/**
 * The page on the visitor's own server that follows `name` of this node. Asks that server once, through the guarded
 * client. Throws `invalid`, with what the visitor can do instead.
 */
export async function findFollowPage(
  { em }: Pick<Work, 'em'>,
  federation: Federation,
  name: string,
  handle: string,
): Promise<FollowElsewhere> {
  const refuse = (key: string, values: Record<string, string> = {}) => {
    const message = t(key, values);
    return new AppError('invalid', message, { fields: { handle: message } });
  };
  const resource = readResource(handle);
  if (!resource || !('acct' in resource)) throw refuse('remote-follow.no-handle');
  const { origin, host: ownHost } = federation;
  const { protocol } = new URL(origin);
  const address = `${protocol}//${resource.acct.host}/.well-known/webfinger`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.pathname !== '/.well-known/webfinger') throw refuse('remote-follow.no-handle');
  const { host } = url;
  if (host === ownHost) throw refuse('remote-follow.here');
  if (!(await isHostAllowed(federation, em, host))) throw refuse('remote-follow.not-allowed', { host });
  federation.limits.takeFor(`${ASKED_HOST.name} ${host}`, ASKED_HOST);
  url.searchParams.set('resource', `acct:${resource.acct.name}@${resource.acct.host}`);
  const found = await askSubscribePage(federation, url, `${name}@${ownHost}`);
  if (!found) throw refuse('remote-follow.no-answer', { host, handle: `@${name}@${ownHost}` });
  return { host: found.host, url: found.href };
}

async function askSubscribePage({ net, origin }: Federation, url: URL, subject: string): Promise<URL | null> {
  try {
    const reply = await net.peerFetch(url, {
      headers: { accept: 'application/jrd+json, application/json' },
      forgetFailureAfterMs: FORGET_FAILURE_MS,
      timeoutMs: TIMEOUT_MS,
    });
    return reply.status === 200 ? readSubscribeUrl(parsePeerJson(reply.body), subject, origin) : null;
  } catch (error) {
    // whatever the server did wrong, the visitor can search there by hand
    if (error instanceof AppError) return null;
    throw error;
  }
}
