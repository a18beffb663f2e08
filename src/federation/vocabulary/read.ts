import { z } from 'zod';
import type { ApObject, ApValue } from '../normalise.ts';
import { idOf, isSameOrigin, readId, readLink, singleIdOf, valuesOf } from '../origin.ts';

/**
 * How parsers read a normalised object: the first value that fits, cut to a length, or null. A broken detail costs the
 * detail and never the object (X05); what an object cannot be without is demanded by its parser.
 */

/** Bidirectional overrides and invisible characters make one text look like another (X04). */
const DECEPTIVE = /[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\u061c\ufeff\u2060-\u2064]/gu;
const EARLIEST = Date.UTC(2000, 0, 1);
const LONGEST_HTML = 100_000;

/** Plain text for names and labels: no line breaks, no deceptive characters, at most `most` characters. */
export function textOf(object: ApObject, key: string, most: number): string | null {
  const value = firstString(object, key);
  if (value === null) return null;
  const text = plainText(value, most);
  return text === '' ? null : text;
}

export const plainText = (value: string, most: number): string =>
  cut(value.replace(DECEPTIVE, '').replace(/\s+/g, ' ').trim(), most);

/** HTML as it came, for the sanitiser; the first language when there is only a map. */
export function htmlOf(object: ApObject, key: string, most: number = LONGEST_HTML): string {
  const mapped = valuesOf(object, `${key}Map`)[0];
  const first =
    typeof mapped === 'object' ? Object.values(mapped).find((value) => typeof value === 'string') : undefined;
  return cut(firstString(object, key) ?? (typeof first === 'string' ? first : ''), most);
}

/** Several lines of plain text; what looks like markup stays text. */
export function plainTextOf(object: ApObject, key: string, most: number): string {
  return cut((firstString(object, key) ?? '').replace(DECEPTIVE, '').replaceAll('\u0000', '').trim(), most);
}

export function uriOf(object: ApObject, key: string, ownOrigin: string): string | null {
  const id = idOf(valuesOf(object, key)[0]);
  return readId(id, ownOrigin) ? id : null;
}

/**
 * Whose it is. A video of PeerTube names its account and its channel, both of its own host: the account made it. Any
 * other list of owners is nobody's.
 */
export function ownerUriOf(object: ApObject): string | null {
  if (object.type !== 'Video') return singleIdOf(object, 'attributedTo');
  const owners = valuesOf(object, 'attributedTo');
  const ids = owners.flatMap((owner) => idOf(owner) ?? []);
  const { origin } = new URL(object.id !== undefined && URL.canParse(object.id) ? object.id : 'about:blank');
  if (ids.length !== owners.length || ids.length > 4 || !ids.every((id) => isSameOrigin(id, object.id, origin)))
    return null;
  const person = owners.find((owner) => typeof owner === 'object' && owner.type === 'Person');
  return idOf(person) ?? ids[0] ?? null;
}

/** How many a collection of the object says it has: a small object with `totalItems`, or a number. */
export function totalOf(object: ApObject, key: string): number | null {
  const [value] = valuesOf(object, key);
  if (typeof value === 'number') return integerOf(object, key, 0, MOST_TOTAL);
  return typeof value === 'object' ? integerOf(value, 'totalItems', 0, MOST_TOTAL) : null;
}

/** A claim beyond this is no figure. */
const MOST_TOTAL = 2_000_000_000;

/** The address to show a person: a string, or the first Link of HTML. */
export function linkOf(object: ApObject, key: string): string | null {
  for (const value of valuesOf(object, key)) {
    const link = readLink(typeof value === 'object' ? valuesOf(value, 'href')[0] : value);
    if (link !== null) return link;
  }
  return null;
}

/** Null when absent, nonsense, before 2000; never later than now, so that nothing pins itself to the top (X11). */
export function timeOf(object: ApObject, key: string, now: Date): Date | null {
  const text = firstString(object, key);
  if (text === null || !/^\d{4}-\d{2}-\d{2}T/.test(text)) return null;
  const time = Date.parse(text);
  return time >= EARLIEST ? new Date(Math.min(time, now.getTime())) : null;
}

export function integerOf(object: ApObject, key: string, least: number, most: number): number | null {
  const value = numberOf(object, key, least, most);
  return value !== null && Number.isInteger(value) ? value : null;
}

export function numberOf(object: ApObject, key: string, least: number, most: number): number | null {
  const parsed = z.number().min(least).max(most).safeParse(valuesOf(object, key)[0]);
  return parsed.success ? parsed.data : null;
}

export function booleanOf(object: ApObject, key: string): boolean | null {
  const value = valuesOf(object, key)[0];
  return typeof value === 'boolean' ? value : null;
}

export function stringsOf(object: ApObject, key: string, mostItems: number, mostCharacters: number): string[] {
  const texts = valuesOf(object, key).filter((value) => typeof value === 'string');
  return texts.slice(0, mostItems).map((text) => cut(text.replace(DECEPTIVE, ''), mostCharacters));
}

export function objectsOf(object: ApObject, key: string, mostItems: number): ApObject[] {
  return valuesOf(object, key).filter(isObject).slice(0, mostItems);
}

/** The value of an `@json` term, when the schema takes it. */
export function jsonOf<T>(object: ApObject, key: string, schema: z.ZodType<T>): T | null {
  const parsed = schema.safeParse(valuesOf(object, key)[0]);
  return parsed.success ? parsed.data : null;
}

function isObject(value: ApValue): value is ApObject {
  return typeof value === 'object';
}

function firstString(object: ApObject, key: string): string | null {
  const value = valuesOf(object, key).find((one) => typeof one === 'string');
  return value ?? null;
}

/** By code points, so that no half of a pair is left. */
function cut(text: string, most: number): string {
  return text.length <= most
    ? text
    : Array.from(text.slice(0, most * 2))
        .slice(0, most)
        .join('');
}
