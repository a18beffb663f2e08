import type { TopicKind } from './model.ts';

/**
 * The name of a topic as servers know it: `model-12`, `collection-7`, `tag-ink`. Accounts cannot have such names
 * (accounts/joining/create.ts). Mastodon takes letters, digits, `_`, `-` and `.` alone, so a tag of other signs goes by
 * its number: `tag-no-57`.
 */
export const topicName = (kind: TopicKind, id: number, tag = ''): string =>
  kind === 'tag' && isPlain(tag) ? `tag-${tag}` : `${kind}-${kind === 'tag' ? 'no-' : ''}${id}`;

const LONGEST_PLAIN = 50;
const NUMBERED = /^no-(\d+)$/;

const isPlain = (tag: string): boolean =>
  tag.length <= LONGEST_PLAIN && /^[a-z0-9]+(?:[_-][a-z0-9]+)*$/.test(tag) && !NUMBERED.test(tag);

/** What a name means; null when it is none of a topic. A tag by its number may still have a plain name. */
export function readTopicName(name: string): { kind: TopicKind; id: number } | { kind: 'tag'; tag: string } | null {
  const [, kind, rest = ''] = /^(model|collection|tag)-(.{1,64})$/.exec(name.toLowerCase()) ?? [];
  if (kind === undefined) return null;
  if (kind === 'tag' && isPlain(rest)) return { kind, tag: rest };
  const id = Number(kind === 'tag' ? NUMBERED.exec(rest)?.[1] : /^\d+$/.exec(rest)?.[0]);
  return id > 0 && id < 2 ** 31 && `${id}` === rest.replace(/^no-/, '') ? { kind: kind as TopicKind, id } : null;
}
