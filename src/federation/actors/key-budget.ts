import { TimedSet } from '../../kit/net/budget.ts';
import { registrableDomain } from '../../kit/net/domain.ts';
import { addressPrefix, type RateLimits } from '../../kit/web/rate-limit.ts';

const WHILE_MS = 600_000;
/** Requests that one key id, one host, and the hosts of one domain may cause in a while (CVE-2022-46405). */
const KEY = { name: 'key-fetch', max: 6, perMs: WHILE_MS };
const HOST = { name: 'host-key-fetch', max: 120, perMs: WHILE_MS };
const DOMAIN = { name: 'domain-key-fetch', max: 240, perMs: WHILE_MS };
/** What one stranger may take of a host's share: never all of it. */
const STRANGER = { name: 'stranger-key-fetch', max: 60, perMs: WHILE_MS };

const REMEMBER_MS = 7 * 86_400_000;
const MOST_SENDERS = 20_000;

/**
 * How often hosts are asked for keys. Anybody can name any key id in a signature that fits nothing, and if all took from
 * one budget, a stranger could use up that of a host and so stop it from being heard. So an address from which a host
 * proved itself lately takes from a budget that only such addresses have; the rest share the other, and no stranger
 * takes more than half of that. Each process remembers for itself; one that has forgotten has the budget of strangers.
 */
export class KeyBudget {
  readonly #limits: RateLimits;
  readonly #senders = new TimedSet(Date.now, MOST_SENDERS);

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  /** An activity of this actor, with a signature that fits, came from this address. */
  remember(actorUri: string, address: string): void {
    this.#senders.remember(lineOf(new URL(actorUri).host, address), REMEMBER_MS);
  }

  /** Throws `rate_limited`. */
  take(keyId: string, address: string): void {
    const { host, hostname } = new URL(keyId);
    const line = lineOf(host, address);
    const isProven = this.#senders.has(line);
    const who = isProven ? 'proven ' : '';
    if (!isProven) this.#limits.takeFor(`${STRANGER.name} ${line}`, STRANGER);
    this.#limits.takeFor(`${KEY.name} ${who}${keyId}`, KEY);
    this.#limits.takeFor(`${HOST.name} ${who}${host}`, HOST);
    this.#limits.takeFor(`${DOMAIN.name} ${who}${registrableDomain(hostname)}`, DOMAIN);
  }

  /** To ask whether an actor is still there. Throws `rate_limited`. */
  takeForActor(uri: string): void {
    this.#limits.takeFor(`${KEY.name} ${uri}`, KEY);
  }
}

const lineOf = (host: string, address: string): string => `${host} ${addressPrefix(address)}`;
