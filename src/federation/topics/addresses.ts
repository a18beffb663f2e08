import type { EntityManager } from '@mikro-orm/core';
import { Tag } from '../../catalogue/model.ts';
import type { TopicKind } from '../../gallery/topics/model.ts';
import { readTopicName } from '../../gallery/topics/names.ts';
import { findTopic, type Topic } from '../../gallery/topics/topic.ts';
import { isOwnId } from '../origin.ts';

// A topic's actor lies below its page, because `/models/12` is the Note already, and one id cannot be both.

export const topicActorUri = (origin: string, { url }: Pick<Topic, 'url'>): string => `${origin}${url}/actor`;
export const topicFollowersUri = (origin: string, topic: Pick<Topic, 'url'>): string =>
  `${topicActorUri(origin, topic)}/followers`;
export const collectionUri = (origin: string, { id, uri }: { id: number; uri?: string | null | undefined }): string =>
  uri ?? `${origin}/collections/${id}`;
/** Of the note that tells of one of ours. */
export const collectionNoteUri = (origin: string, { id }: { id: number }): string => `${origin}/collections/${id}/note`;

/** The number of the collection that an id of ours names; null for anything else. */
export function readCollectionUri(origin: string, uri: string): number | null {
  if (!isOwnId(uri, origin)) return null;
  const { pathname, search } = new URL(uri);
  const id = search === '' ? Number(/^\/collections\/([1-9]\d{0,9})$/.exec(pathname)?.[1] ?? 0) : 0;
  return id > 0 && id < 2 ** 31 ? id : null;
}

export type NamedTopic =
  | { readonly kind: TopicKind; readonly id: number }
  | { readonly kind: 'tag'; readonly tag: string };

const NUMBERED = /^\/(model|collection)s\/([1-9]\d{0,9})\/actor$/;

/** What a topic's actor id of ours names; null for anything else. */
export function readTopicUri(origin: string, uri: string): NamedTopic | null {
  if (!isOwnId(uri, origin)) return null;
  const { pathname, search } = new URL(uri);
  return search === '' ? readTopicPath(pathname) : null;
}

function readTopicPath(path: string): NamedTopic | null {
  const [, kind, id] = NUMBERED.exec(path) ?? [];
  if (kind !== undefined) return Number(id) < 2 ** 31 ? { kind: kind as TopicKind, id: Number(id) } : null;
  const [, tag = ''] = /^\/tags\/([^/]{1,400})\/actor$/.exec(path) ?? [];
  const name = decode(tag);
  return name === '' ? null : { kind: 'tag', tag: name };
}

/** '' for what is no name of a tag. */
function decode(text: string): string {
  try {
    const name = decodeURIComponent(text);
    return name.includes('\0') || name.length > 100 ? '' : name;
  } catch {
    return '';
  }
}

/** Null also for what is hidden. */
export async function findNamedTopic(em: EntityManager, named: NamedTopic): Promise<Topic | null> {
  if ('id' in named) return findTopic(em, named.kind, named.id);
  const tag = await em.findOne(Tag, { name: named.tag });
  return tag && findTopic(em, 'tag', tag.id);
}

export async function findTopicByUri(em: EntityManager, origin: string, uri: string): Promise<Topic | null> {
  const named = readTopicUri(origin, uri);
  return named && findNamedTopic(em, named);
}

/** By the part before the host in a handle. */
export async function findTopicByName(em: EntityManager, name: string): Promise<Topic | null> {
  const named = readTopicName(name);
  return named && findNamedTopic(em, named);
}

/** By the address of its page or its actor, from the root. */
export async function findTopicByPath(em: EntityManager, path: string): Promise<Topic | null> {
  const named = readTopicPath(path.endsWith('/actor') ? path : `${path.replace(/\/$/, '')}/actor`);
  return named && findNamedTopic(em, named);
}
