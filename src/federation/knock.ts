import type { Net, Reply } from '../kit/net/net.ts';
import { type SigningKey, signCavage, signRfc9421 } from './signatures/sign.ts';

export type Scheme = 'cavage' | 'rfc9421';

export interface Knock {
  readonly url: string | URL;
  readonly method: 'GET' | 'POST';
  /** Null for GET. */
  readonly body: Buffer | null;
  /** Without those of the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** RSA: both schemes can use it. */
  readonly key: SigningKey;
  /** What worked with this host before; Cavage where nothing is known. */
  readonly first: Scheme;
  readonly now: () => Date;
  readonly forgetFailureAfterMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Sends a signed request, and once more in the other scheme when the first is not understood: old servers know only
 * draft-cavage, newer ones will know only RFC 9421, and some say 403 for 401. `scheme` is the one to begin with next
 * time; when neither is welcome, the answer to the first counts and nothing is learnt.
 */
export async function knock(net: Pick<Net, 'peerFetch'>, request: Knock): Promise<{ reply: Reply; scheme: Scheme }> {
  const { first } = request;
  const reply = await send(net, request, first);
  if (!isTurnedAway(reply)) return { reply, scheme: first };
  const other = first === 'cavage' ? 'rfc9421' : 'cavage';
  const second = await send(net, request, other);
  return isTurnedAway(second) || second.status === 400 ? { reply, scheme: first } : { reply: second, scheme: other };
}

const isTurnedAway = ({ status }: Reply): boolean => status === 401 || status === 403;

function send(net: Pick<Net, 'peerFetch'>, { url, method, body, headers, key, now, ...rest }: Knock, scheme: Scheme) {
  const sign = scheme === 'cavage' ? signCavage : signRfc9421;
  return net.peerFetch(url, {
    method,
    // Made again for each hop of a redirected GET: a signature names its path and host.
    headers: (hop) => ({ ...headers, ...sign({ method, url: hop, body, now: now() }, key) }),
    ...(body === null ? {} : { body }),
    ...(rest.signal ? { signal: rest.signal } : {}),
    ...(rest.forgetFailureAfterMs === undefined ? {} : { forgetFailureAfterMs: rest.forgetFailureAfterMs }),
  });
}
