import { type ApObject, type ApValue, PUBLIC } from './normalise.ts';
import { AS_PUBLIC, type Document, withContext } from './vocabulary/context.ts';

/** Lemmy and Pixelfed refuse these when they are no lists. */
const LISTS: ReadonlySet<string> = new Set(['to', 'cc', 'tag', 'attachment', 'items', 'orderedItems']);
/** Blind recipients are never told, not even to each other. */
const SECRET: ReadonlySet<string> = new Set(['bto', 'bcc']);

/** A normalised object as JSON for peers: lists where they are expected, single values elsewhere, nothing private. */
export function toWire(object: ApObject): Document {
  return withContext(unboxed(object));
}

function unboxed(object: ApObject): Document {
  const entries = Object.entries(object).flatMap(([key, value]) => {
    if (key.startsWith('_') || SECRET.has(key) || value === undefined) return [];
    if (!Array.isArray(value)) return [[key, value]];
    const values = value.map(wireValue);
    return [[key, LISTS.has(key) || values.length !== 1 ? values : values[0]]];
  });
  return Object.fromEntries(entries);
}

function wireValue(value: ApValue): unknown {
  if (value === PUBLIC) return AS_PUBLIC;
  return typeof value === 'object' ? unboxed(value) : value;
}
