import { AppError } from '../kit/errors.ts';
import type { Json } from './json.ts';

/**
 * An object in the one shape that all readers share, also activitypub-express: `id` and `type` are strings, everything
 * else is a list. JSON-LD contexts are ignored, never fetched: peers that matter write the plain names, and a context
 * that renames `actor` changes nothing, because authorisation and processing read the same key.
 */
export interface ApObject {
  readonly id?: string;
  readonly type?: string;
  readonly [key: string]: ApValue[] | string | undefined;
}
export type ApValue = string | number | boolean | ApObject;

export const PUBLIC = 'as:Public'; // as activitypub-express compares it
const PUBLIC_SPELLINGS: ReadonlySet<string> = new Set([
  'as:Public',
  'Public',
  'https://www.w3.org/ns/activitystreams#Public',
]);
const AUDIENCE: ReadonlySet<string> = new Set(['to', 'cc', 'bto', 'bcc', 'audience']);
/** Said by the signature of the request and by nothing in the body; or structure that only JSON-LD tools follow. */
const DROPPED: ReadonlySet<string> = new Set([
  ...['@context', '@graph', '@included', '@reverse', '@index', '@nest', 'proof', 'signature'],
]);
/** `@json` terms and language maps: data whose inner shape is the meaning. */
const OPAQUE: ReadonlySet<string> = new Set([
  ...['generation', 'hashes', 'permissions', 'details', 'takedown', 'receipt', 'contentMap', 'nameMap', 'summaryMap'],
]);
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['@id', 'id'],
  ['@type', 'type'],
]);
const MOST_RECIPIENTS = 1_000;
const MOST_TAGS = 1_000;
const MOST_ATTACHMENTS = 200;
const LIMITS: ReadonlyMap<string, number> = new Map([
  ...[...AUDIENCE].map((key) => [key, MOST_RECIPIENTS] as const),
  ['tag', MOST_TAGS],
  ['attachment', MOST_ATTACHMENTS],
]);

/** Throws `malformed` when it is no object, when two spellings of one key meet, or when a list passes its limit. */
export function normalise(document: Json): ApObject {
  const node = asNode(document);
  if (!node) throw new AppError('malformed', 'This is not an object.');
  return readNode(node);
}

function readNode(node: { readonly [key: string]: Json }): ApObject {
  const object: Record<string, ApValue[] | string> = {};
  for (const [written, value] of Object.entries(node)) {
    const key = ALIASES.get(written) ?? written.replace(/^as:/, '');
    if (DROPPED.has(key) || key.startsWith('_') || key.startsWith('@') || value === null) continue;
    if (Object.hasOwn(object, key)) throw new AppError('malformed', 'A key is written twice, in two spellings.');
    if (key === 'id' || key === 'type') object[key] = readName(key, value);
    else object[key] = readValues(key, value);
  }
  return object;
}

/** A list of one is its element. More types than one are refused: no peer sends them, and readers pick differently. */
function readName(key: string, value: Json): string {
  const single = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof single !== 'string' || single === '') throw new AppError('malformed', `The ${key} is not one string.`);
  return key === 'type' ? single.replace(/^as:/, '') : single;
}

function readValues(key: string, value: Json): ApValue[] {
  const values = Array.isArray(value) ? value.flat(2) : [unwrapList(value)].flat();
  if (values.length > (LIMITS.get(key) ?? Number.POSITIVE_INFINITY))
    throw new AppError('malformed', `Too many values in ${key}.`);
  return values.flatMap((one: Json): ApValue[] => {
    if (one === null) return [];
    if (typeof one === 'string') return [AUDIENCE.has(key) || key === 'object' ? readAddress(one) : one];
    if (typeof one !== 'object') return [one];
    const node = asNode(one);
    if (!node) return [];
    if (OPAQUE.has(key)) return [node as unknown as ApObject];
    if ('@value' in node) return readValues(key, node['@value'] ?? null);
    // An address may be an object with an id; who it says it is besides is nobody's word.
    return AUDIENCE.has(key) ? readAddresses(node) : [readNode(node)];
  });
}

function readAddresses(node: { readonly [key: string]: Json }): string[] {
  const id = node.id ?? node['@id'];
  return typeof id === 'string' ? [readAddress(id)] : [];
}

const readAddress = (text: string): string => (PUBLIC_SPELLINGS.has(text) ? PUBLIC : text);

function unwrapList(value: Json): Json {
  const node = asNode(value);
  return node?.['@list'] ?? node?.['@set'] ?? value;
}

function asNode(value: Json): { readonly [key: string]: Json } | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })
    : null;
}
