import type { ApObject } from '../normalise.ts';
import { readId, valuesOf } from '../origin.ts';
import type { Document } from './context.ts';
import { objectsOf, textOf } from './read.ts';

const MOST_TAGS = 30;
const MOST_MENTIONS = 30;
const LONGEST_TAG = 100;

export interface TagLink {
  /** Without the `#`. */
  readonly name: string;
  readonly url: string;
}
export interface Mention {
  /** `@name@host`. */
  readonly name: string;
  readonly uri: string;
}

export function tagField(tags: readonly TagLink[], mentions: readonly Mention[]): Document[] {
  return [
    ...tags.map(({ name, url }) => ({ type: 'Hashtag', name: `#${name}`, href: url })),
    ...mentions.map(({ name, uri }) => ({ type: 'Mention', name, href: uri })),
  ];
}

/** Names without `#`, each once; a tag is letters, digits and joiners, everything else is dropped. */
export function readTags(object: ApObject): string[] {
  const names = objectsOf(object, 'tag', 1_000)
    .filter(({ type }) => type === 'Hashtag')
    .map((tag) => (textOf(tag, 'name', LONGEST_TAG) ?? '').replace(/^#/, '').toLowerCase())
    .filter((name) => /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.·-]*$/u.test(name));
  return [...new Set(names)].slice(0, MOST_TAGS);
}

export function readMentionUris(object: ApObject, ownOrigin: string): string[] {
  const uris = objectsOf(object, 'tag', 1_000)
    .filter(({ type }) => type === 'Mention')
    .flatMap((tag) => {
      const [href] = valuesOf(tag, 'href');
      return typeof href === 'string' && readId(href, ownOrigin) ? href : [];
    });
  return [...new Set(uris)].slice(0, MOST_MENTIONS);
}
