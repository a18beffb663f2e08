import { AppError } from '../kit/errors.ts';
import { readMediaType } from '../kit/net/media-type.ts';
import type { Net, Reply } from '../kit/net/net.ts';
import { type Json, parsePeerJson } from './json.ts';
import { knock } from './knock.ts';
import { type ApObject, normalise } from './normalise.ts';
import { isOwnId, isSameOrigin, readId } from './origin.ts';
import type { SigningKey } from './signatures/sign.ts';

const AS2_PROFILE = 'https://www.w3.org/ns/activitystreams';
export const ACTIVITY_JSON = 'application/activity+json';
export const LD_JSON = `application/ld+json; profile="${AS2_PROFILE}"`;

export interface FetchedDocument {
  readonly object: ApObject;
  /** As it came, to be stored and shown again without loss. */
  readonly raw: Json;
}

export interface DocumentFetcher {
  readonly net: Pick<Net, 'peerFetch'>;
  readonly ownOrigin: string;
  /** The node's own actor, for peers that want to know who asks. Without it the request is not signed. */
  readonly key?: SigningKey;
  readonly forgetFailureAfterMs?: number;
}

/** Something answered, but with a page or with the object of another host: nothing that is taken from there. */
export class WrongDocument extends AppError {
  /** No ActivityPub at all; perhaps the page of somebody. */
  readonly isPage: boolean;

  constructor(message: string, isPage: boolean) {
    super('unavailable', message);
    this.isPage = isPage;
  }
}

/**
 * Fetches an object from its own address. The answer must be ActivityPub by its content type, or an uploaded file of
 * that host could pose as an actor (CVE-2024-25623), and its id must be the address that answered; when it names
 * another address of the same origin, that one is asked, once. Null when it is not there (404, 410).
 * Throws `unavailable`, `invalid`, `too_large` or `malformed`.
 */
export async function fetchDocument(fetcher: DocumentFetcher, id: string): Promise<FetchedDocument | null> {
  const first = await fetchOnce(fetcher, id);
  if (!first || isAt(first, first.url)) return first;
  const named = first.object.id;
  // The origin that answered is the one that may name another address, not the one that was asked.
  if (!named || !isSameOrigin(named, first.url.href, fetcher.ownOrigin)) throw elsewhere();
  const second = await fetchOnce(fetcher, named);
  if (second && second.object.id !== named) throw elsewhere();
  return second;
}

/** True when the object's own address answers 410. Throws as `fetchDocument` does. */
export async function isGoneAtHome(fetcher: DocumentFetcher, id: string): Promise<boolean> {
  return (await ask(fetcher, id)).status === 410;
}

async function ask({ net, ownOrigin, key, forgetFailureAfterMs }: DocumentFetcher, id: string): Promise<Reply> {
  const address = id.split('#')[0] ?? id;
  if (!readId(address, ownOrigin) || isOwnId(address, ownOrigin)) {
    throw new AppError('invalid', 'This is not the address of an object elsewhere.');
  }
  const headers = { accept: `${ACTIVITY_JSON}, ${LD_JSON}` };
  const memory = forgetFailureAfterMs === undefined ? {} : { forgetFailureAfterMs };
  const signed = { url: address, method: 'GET', body: null, headers, first: 'cavage', now: () => new Date() } as const;
  return key
    ? (await knock(net, { ...signed, key, ...memory })).reply
    : await net.peerFetch(address, { headers, ...memory });
}

async function fetchOnce(fetcher: DocumentFetcher, id: string): Promise<(FetchedDocument & { url: URL }) | null> {
  const reply = await ask(fetcher, id);
  if (reply.status === 404 || reply.status === 410) return null;
  if (reply.status !== 200) throw new AppError('unavailable', `The peer answered ${reply.status}.`);
  if (!isActivityPub(reply.headers['content-type'])) {
    throw new WrongDocument('The peer did not answer with an ActivityPub document.', true);
  }
  const raw = parsePeerJson(reply.body);
  return { object: normalise(raw), raw, url: reply.url };
}

/** `application/activity+json`, or `application/ld+json` with the ActivityStreams profile; nothing looser. */
export function isActivityPub(contentType: string | undefined): boolean {
  const { type, parameters } = readMediaType(contentType);
  if (type === ACTIVITY_JSON) return true;
  return type === 'application/ld+json' && (parameters.get('profile') ?? '').split(' ').includes(AS2_PROFILE);
}

function isAt({ object }: FetchedDocument, url: URL): boolean {
  return object.id !== undefined && URL.canParse(object.id) && withoutHash(object.id) === url.href;
}

function withoutHash(id: string): string {
  const url = new URL(id);
  url.hash = '';
  return url.href;
}

const elsewhere = () => new WrongDocument('The document claims to be from somewhere else.', false);
