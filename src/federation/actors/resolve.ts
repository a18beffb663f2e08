import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { parsePeerJson } from '../json.ts';
import { isHostAllowed } from '../policy.ts';
import { type FoundHandle, parseWebFinger, readResource } from '../vocabulary/discovery.ts';
import { findActor } from './load.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>;

/** What one person may make this node ask of others. */
export const RESOLVES = { name: 'resolve', max: 30, perMs: 600_000 };
const FORGET_FAILURE_MS = 60_000;

/**
 * Finds `@name@host`, or the address of an actor. A known account costs nothing; only who is signed in may make this
 * node ask another (F17). Null when there is none, or when the peer does not answer.
 */
export async function resolveAccount(work: Task, federation: Federation, handle: string): Promise<Account | null> {
  const resource = readResource(handle.trim());
  if (!resource) return null;
  if ('acct' in resource) {
    const { name, host } = resource.acct;
    const local = host === federation.host || host === new URL(federation.origin).hostname;
    const known = await work.em.findOne(Account, {
      host: local ? '' : host,
      name: name.toLowerCase(),
      state: 'active',
    });
    if (known || local) return known;
  } else {
    const known = await work.em.findOne(Account, {
      $or: [{ uri: resource.url }, { url: resource.url }],
      state: 'active',
    });
    if (known) return known;
  }
  if (!work.viewer) return null;
  federation.limits.takeFor(`${RESOLVES.name} a${work.viewer.id}`, RESOLVES);
  try {
    if ('url' in resource) return await findActor(work, federation, resource.url);
    const { name, host } = resource.acct;
    const found = await askWebFinger(work, federation, `acct:${name}@${host}`, host);
    return found && (await findActor(work, federation, found.actorUri));
  } catch (error) {
    if (error instanceof AppError && error.kind !== 'rate_limited') return null;
    throw error;
  }
}

/**
 * Whom a host names by `acct:` or by the address of a profile. A host speaks for its own handles only: where the actor
 * lies elsewhere, that host has to say the same (O26).
 */
export async function askWebFinger(
  { em }: Pick<Work, 'em'>,
  federation: Federation,
  resource: string,
  host: string,
): Promise<FoundHandle | null> {
  const first = await askHost({ em }, federation, resource, host);
  if (!first) return null;
  const actorHost = new URL(first.actorUri).host;
  if (actorHost === host) return first;
  const second = await askHost({ em }, federation, `acct:${first.name}@${first.host}`, actorHost);
  return second?.actorUri === first.actorUri ? second : null;
}

async function askHost(
  { em }: Pick<Work, 'em'>,
  federation: Federation,
  resource: string,
  askedHost: string,
): Promise<FoundHandle | null> {
  if (!(await isHostAllowed(federation, em, askedHost))) return null;
  const { protocol } = new URL(federation.origin);
  const address = `${protocol}//${askedHost}/.well-known/webfinger?resource=${encodeURIComponent(resource)}`;
  if (!URL.canParse(address) || new URL(address).host !== askedHost) return null;
  const reply = await federation.net.peerFetch(address, {
    headers: { accept: 'application/jrd+json, application/json' },
    forgetFailureAfterMs: FORGET_FAILURE_MS,
  });
  // a server that is broken is no server without this person
  if (reply.status >= 500) throw new AppError('unavailable', `The peer answered ${reply.status}.`);
  return reply.status === 200 ? parseWebFinger(parsePeerJson(reply.body), federation.origin) : null;
}
