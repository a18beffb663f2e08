import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { loadSigningKey } from '../actors/keys.ts';
import type { Federation } from '../deps.ts';
import { ACTIVITY_JSON } from '../fetch-document.ts';
import { knock, type Scheme } from '../knock.ts';
import type { Delivery } from '../model.ts';
import type { SigningKey } from '../signatures/sign.ts';

const DAY_SECONDS = 86_400;

export type Knocked =
  /** It arrived. */
  | { readonly kind: 'taken'; readonly scheme: Scheme; readonly ms: number }
  /** A server that is up does not want it, or there is nothing left to say. */
  | { readonly kind: 'refused'; readonly ms: number }
  /** 410: this inbox is no more. */
  | { readonly kind: 'gone'; readonly ms: number }
  /** This inbox could not take it now; another of the same host might. */
  | { readonly kind: 'later'; readonly error: string; readonly isMissing: boolean; readonly ms: number }
  /** The host asks to wait, or too many of ours are under way to its domain. */
  | { readonly kind: 'busy'; readonly leastMs: number }
  /** The host does not answer, or what stands before it says so. */
  | { readonly kind: 'down'; readonly error: string; readonly leastMs: number };

/** Carries activities to the inboxes of one host; text and key of each are made once. */
export class Postman {
  readonly #work: Pick<Work, 'em' | 'now'>;
  readonly #federation: Federation;
  readonly #signal: AbortSignal;
  readonly #letters = new Map<string, Promise<{ body: Buffer; key: SigningKey } | null>>();
  /** What worked last with this host. */
  #scheme: Scheme;

  constructor(work: Pick<Work, 'em' | 'now'>, federation: Federation, scheme: Scheme, signal: AbortSignal) {
    this.#work = work;
    this.#federation = federation;
    this.#scheme = scheme;
    this.#signal = signal;
  }

  async deliver({ itemId, inboxUri }: Delivery): Promise<Knocked> {
    const letter = await this.#letterOf(itemId);
    if (!letter) return { kind: 'refused', ms: 0 };
    const startedAt = performance.now();
    try {
      const { reply, scheme } = await knock(this.#federation.net, {
        url: inboxUri,
        method: 'POST',
        body: letter.body,
        headers: { 'content-type': ACTIVITY_JSON, accept: `${ACTIVITY_JSON}, application/json` },
        key: letter.key,
        first: this.#scheme,
        now: this.#work.now,
        signal: this.#signal,
      });
      const ms = Math.round(performance.now() - startedAt);
      if (reply.status >= 200 && reply.status < 300) this.#scheme = scheme;
      return judge(reply.status, reply.headers['retry-after'], this.#work.now(), scheme, ms);
    } catch (error) {
      return failed(error, Math.round(performance.now() - startedAt));
    }
  }

  /** The key is looked up now, so that no row holds one and a rotation counts at once. */
  #letterOf(itemId: string) {
    const known = this.#letters.get(itemId);
    if (known) return known;
    const letter = this.#write(itemId);
    this.#letters.set(itemId, letter);
    return letter;
  }

  async #write(itemId: string): Promise<{ body: Buffer; key: SigningKey } | null> {
    const em = this.#work.em.fork();
    const [item] = await rows<{ actor_id: number; document: string }>(
      em,
      'select actor_id, cast(document as text) as document from outbox_item where id = ?',
      [itemId],
    );
    if (!item) return null;
    try {
      const key = await loadSigningKey(this.#federation, em, item.actor_id);
      return { body: Buffer.from(item.document), key: { ...key, keyId: `${speakerOf(item.document)}#main-key` } };
    } catch (error) {
      // the account is gone with its keys: nobody can say this any more
      if (error instanceof AppError && error.kind === 'not_found') return null;
      throw error;
    }
  }
}

/** The node's key signs for the actors of topics too, each under an id of its own. */
const speakerOf = (document: string): string => String((JSON.parse(document) as { actor: unknown }).actor);

function judge(status: number, retryAfter: string | undefined, now: Date, scheme: Scheme, ms: number): Knocked {
  if (status >= 200 && status < 300) return { kind: 'taken', scheme, ms };
  const error = `${status}`;
  const leastMs = secondsOf(retryAfter, now) * 1000;
  if (status === 410) return { kind: 'gone', ms };
  if (status === 404) return { kind: 'later', error, isMissing: true, ms };
  if (status === 429 || status === 425) return { kind: 'busy', leastMs: Math.max(leastMs, 30_000) };
  if (status === 408 || (status >= 502 && status <= 504)) return { kind: 'down', error, leastMs };
  if (status >= 500) return { kind: 'later', error, isMissing: false, ms };
  return { kind: 'refused', ms };
}

function failed(error: unknown, ms: number): Knocked {
  if (!(error instanceof AppError)) throw error;
  if (error.retryAfterSeconds != null) return { kind: 'busy', leastMs: error.retryAfterSeconds * 1000 };
  // an address that must not be asked will not become another
  if (error.kind === 'invalid') return { kind: 'refused', ms };
  if (error.kind === 'unavailable') return { kind: 'down', error: error.message, leastMs: 0 };
  return { kind: 'later', error: error.message, isMissing: false, ms };
}

/** `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), at most a day; 0 where it says nothing. */
function secondsOf(value: string | undefined, now: Date): number {
  if (value === undefined) return 0;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1_000;
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(DAY_SECONDS, Math.ceil(seconds)) : 0;
}
