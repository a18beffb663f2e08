import type { ApObject, ApValue } from './normalise.ts';

/**
 * The rules that say whose word counts: an origin speaks for its own objects and for nothing else. Origins are
 * compared as parsed URLs, never as text (CVE-2023-42451: look-alike characters; `https://V@E/`, `https://V.E/`).
 */

const LONGEST_ID = 2048;

/** The id as a URL when it can name an object of a peer, else null. */
export function readId(value: unknown, ownOrigin?: string): URL | null {
  if (typeof value !== 'string' || value.length > LONGEST_ID || !URL.canParse(value)) return null;
  const url = new URL(value);
  // Development nodes are reached by http; then all are.
  const plain = ownOrigin?.startsWith('http:') ?? false;
  if (url.protocol !== 'https:' && !(plain && url.protocol === 'http:')) return null;
  if (url.username !== '' || url.password !== '' || url.hostname === '' || url.hostname.endsWith('.')) return null;
  // The text must already say what the parser reads: upper case hosts, `:443`, full-width dots, tabs and `%2e` are
  // second spellings, and ids are compared as text everywhere else.
  return value === url.href || value === url.href.replace(/\/$/, '') ? url : null;
}

/** True when both are ids and one origin answers for both. */
export function isSameOrigin(one: unknown, other: unknown, ownOrigin?: string): boolean {
  const [a, b] = [readId(one, ownOrigin), readId(other, ownOrigin)];
  return a !== null && b !== null && a.origin === b.origin;
}

/** True for ids of this node, by the parsed origin (activitypub-express compares the beginning of the text). */
export function isOwnId(value: unknown, ownOrigin: string): boolean {
  return readId(value, ownOrigin)?.origin === new URL(ownOrigin).origin;
}

/** The id that a value refers to, inline or not; null when there is none. */
export function idOf(value: ApValue | undefined): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return null;
  if (value.type === 'Link' || value.type === 'Mention') return asText(value.href) ?? null;
  return value.id ?? null;
}

export function valuesOf(object: ApObject, key: string): readonly ApValue[] {
  const value = object[key];
  return Array.isArray(value) ? value : [];
}

/** The only id under a key; null when there is none or more than one. */
export function singleIdOf(object: ApObject, key: string): string | null {
  const values = valuesOf(object, key);
  return values.length === 1 ? idOf(values[0]) : null;
}

export const ACTOR_TYPES: ReadonlySet<string> = new Set(['Person', 'Service', 'Group', 'Organization', 'Application']);

/**
 * What an activity may bring along inside. `inline` is the object itself, and may be read as it is; `reference` means
 * that only its id counts, and the object is fetched from its own origin; `refused` is a claim about somebody else.
 */
export type Standing = 'inline' | 'reference' | 'refused';

export function standingOf(value: ApValue, actorId: string, ownOrigin: string): Standing {
  if (typeof value === 'string') return readId(value, ownOrigin) ? 'reference' : 'refused';
  if (typeof value !== 'object') return 'refused';
  const id = idOf(value);
  if (id === null || !readId(id, ownOrigin)) return 'refused';
  // An actor carries a key: it is only ever read from its own address.
  if (ACTOR_TYPES.has(value.type ?? '') || !isSameOrigin(id, actorId, ownOrigin)) return 'reference';
  const authors = valuesOf(value, 'attributedTo');
  const owners = authors.length > 0 ? authors : valuesOf(value, 'actor');
  return owners.length === 1 && idOf(owners[0]) === actorId ? 'inline' : 'refused';
}

/** What is stored about an object, as far as ownership goes. */
export interface StoredOwner {
  readonly id: string;
  readonly ownerId: string;
}

/** Update: by the owner alone, judged by the stored row and never by the incoming one. */
export function mayUpdate(stored: StoredOwner, actorId: string, ownOrigin: string): boolean {
  return stored.ownerId === actorId && isSameOrigin(stored.id, actorId, ownOrigin) && !isOwnId(stored.id, ownOrigin);
}

/** Delete: also by another actor of the same origin, because that is how a peer's moderators remove things. */
export function mayDelete(stored: StoredOwner, actorId: string, ownOrigin: string): boolean {
  return isSameOrigin(stored.id, actorId, ownOrigin) && !isOwnId(stored.id, ownOrigin);
}

/** A link that may be shown: http or https, no user name. Null otherwise (`javascript:`, `data:`). */
export function readLink(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > LONGEST_ID || !URL.canParse(value)) return null;
  const url = new URL(value);
  const shown = (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
  return shown ? url.href : null;
}

function asText(value: ApObject[string]): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : undefined;
}
