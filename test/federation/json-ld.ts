import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import jsonld from 'jsonld';
import { AS_PUBLIC, CONTEXT, type Document } from '../../src/federation/vocabulary/context.ts';

// The copy that activitypub-express brings is the context of ActivityStreams as it was published.
const activityStreams: object = createRequire(import.meta.url)('activitypub-express/vocab/as.json');

/**
 * A document means to a JSON-LD processor what it says to everybody else: it expands in safe mode, which refuses what
 * would be dropped, and compacts back to the same keys and values. Nothing but the bundled context is loaded.
 */
export async function assertLossless(document: Document, message?: string): Promise<void> {
  const documentLoader = async (url: string) => {
    assert.equal(url, 'https://www.w3.org/ns/activitystreams');
    return { contextUrl: undefined, documentUrl: url, document: activityStreams };
  };
  const options = { documentLoader, safe: true } as object;
  const expanded = await jsonld.expand(document as jsonld.JsonLdDocument, options);
  const compacted = await jsonld.compact(expanded, CONTEXT as unknown as jsonld.ContextDefinition, options);
  assert.deepEqual(comparable(compacted), comparable(document), message);
}

/** Equal for JSON-LD: lists of one and their element, order of keys, an absent and an empty list. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 1 ? comparable(value[0]) : value.map(comparable);
  if (typeof value !== 'object' || value === null) return value === AS_PUBLIC ? 'as:Public' : value;
  const entries = Object.entries(value)
    .filter(([key, one]) => key !== '@context' && one !== undefined && !(Array.isArray(one) && one.length === 0))
    .map(([key, one]) => [key, comparable(one)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
