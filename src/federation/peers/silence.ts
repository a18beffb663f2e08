import type { PeerSilence } from '../../gallery/deps.ts';
import { rows, toDate } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { PeerHost } from '../model.ts';
import { isHostAllowed } from '../policy.ts';
import { noteSign } from './health.ts';

/** What one person may make this node ask of peers that were silent. */
const RETRIES = { name: 'retry-peer', max: 10, perMs: 600_000 };
/** Somebody waits for the page. */
const ASKED_WITHIN_MS = 5_000;

/** Since when a host of which things are kept here says nothing. Null while it answers, and for this node itself. */
export async function findSilence({ em }: Pick<Work, 'em'>, host: string): Promise<PeerSilence | null> {
  if (host === '') return null;
  const [peer] = await rows<{ silent_since: unknown }>(
    em,
    'select silent_since from peer_host where host = ? and silent_since is not null',
    [host],
  );
  return peer ? { host, since: toDate(peer.silent_since).toISOString() } : null;
}

/** `net` as it is, that writes down which of the hosts known here did not answer. */
export function watchedNet(federation: Pick<Federation, 'net' | 'openWork'>): Pick<Net, 'peerFetch'> {
  return {
    peerFetch: async (url, options) => {
      const silent = () => noteSilence(federation.openWork(), new URL(url).host);
      try {
        const reply = await federation.net.peerFetch(url, options);
        if (reply.status >= 500) await silent();
        return reply;
      } catch (error) {
        // a refusal of our own budget says when to come back
        const isTheirs = error instanceof AppError && error.kind === 'unavailable' && error.retryAfterSeconds === null;
        if (isTheirs) await silent();
        throw error;
      }
    },
  };
}

async function noteSilence({ em, now }: Pick<Work, 'em' | 'now'>, host: string): Promise<void> {
  const [known] = await rows(em, 'select 1 from peer_host where host = ? and silent_since is null', [host]);
  if (known) await em.nativeUpdate(PeerHost, { host, silentSince: null }, { silentSince: now() });
}

/**
 * Asks a known host for a word, for somebody who is signed in (F17): whatever it says is a sign of life, and what waits
 * for it goes out. Says nothing of how it went: the page does.
 */
export async function askAgain(work: Work, federation: Federation, host: string): Promise<void> {
  const { em, viewer } = work;
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if ((await em.count(PeerHost, { host })) === 0) throw new AppError('not_found', 'No such host is known here.');
  if (!(await isHostAllowed(federation, em, host))) return;
  federation.limits.takeFor(`${RETRIES.name} a${viewer.id}`, RETRIES);
  const { protocol } = new URL(federation.origin);
  try {
    const reply = await watchedNet(federation).peerFetch(`${protocol}//${host}/.well-known/nodeinfo`, {
      headers: { accept: 'application/json' },
      maxBytes: 100_000,
      timeoutMs: ASKED_WITHIN_MS,
    });
    if (reply.status < 500) await noteSign(work, federation, host);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
}
