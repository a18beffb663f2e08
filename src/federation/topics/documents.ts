import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import type { Collection } from '../../gallery/collections/model.ts';
import { Post } from '../../gallery/model.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { type Parameter, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { renderMarkdown } from '../../kit/web/markdown.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { buildAnnounce } from '../vocabulary/activity.ts';
import { AS_PUBLIC, type Document, withContext } from '../vocabulary/context.ts';
import { collectionUri, topicActorUri, topicFollowersUri } from './addresses.ts';

/** A public collection without its items. */
export async function collectionDocument(
  { origin }: Pick<Federation, 'origin'>,
  em: EntityManager,
  collection: Collection,
): Promise<Document> {
  const uri = collectionUri(origin, collection);
  const owner = await em.findOneOrFail(Account, collection.owner.id);
  return withContext({
    id: uri,
    type: 'OrderedCollection',
    kind: 'Collection',
    attributedTo: actorUri(origin, owner),
    to: [AS_PUBLIC],
    name: collection.name,
    ...(collection.description === '' ? {} : { summary: renderMarkdown(collection.description) }),
    source: { mediaType: 'text/markdown', content: collection.description },
    url: uri,
    published: collection.createdAt.toISOString(),
    updated: collection.updatedAt.toISOString(),
    feed: topicActorUri(origin, { url: `/collections/${collection.id}` }),
    totalItems: await countTold(em, 'collection', collection.id),
    first: `${uri}?page=true`,
  });
}

/** Something that a topic tells of. */
export interface Told {
  readonly kind: 'model' | 'post';
  readonly id: number;
  readonly at: Date;
}

const OF_COLLECTION = `select case when c.model_id is null then 'post' else 'model' end as kind,
    coalesce(c.model_id, c.post_id) as id, c.added_at as at
  from collection_item c left join model m on m.id = c.model_id left join post p on p.id = c.post_id
  where c.collection_id = ? and coalesce(m.listed_at, p.listed_at) is not null`;
const OF_TAG = `select 'model' as kind, m.id, m.listed_at as at from model_tag g join model m on m.id = g.model_id
    where g.tag_id = ? and m.is_local = ? and m.listed_at is not null
  union all select 'post', p.id, p.listed_at from post_tag g join post p on p.id = g.post_id
    where g.tag_id = ? and p.is_local = ? and p.listed_at is not null`;
const OF_MODEL = `select 'model' as kind, m.id, m.listed_at as at from model m where m.id = ? and m.listed_at is not null`;

function toldOf(kind: Topic['kind'], id: number): { sql: string; values: Parameter[] } {
  if (kind === 'tag') return { sql: OF_TAG, values: [id, true, id, true] };
  return { sql: kind === 'model' ? OF_MODEL : OF_COLLECTION, values: [id] };
}

/** Only what everybody may see counts. */
export async function countTold(em: EntityManager, kind: Topic['kind'], id: number): Promise<number> {
  const { sql, values } = toldOf(kind, id);
  const [found] = await rows<{ n: unknown }>(em, `select count(*) as n from (${sql}) x`, values);
  return toNumber(found?.n);
}

/** The newest first, after a place. */
export async function listTold(
  em: EntityManager,
  kind: Topic['kind'],
  id: number,
  limit: number,
  after: { readonly at: Date; readonly kind: string; readonly id: number } | null = null,
): Promise<Told[]> {
  const { sql, values } = toldOf(kind, id);
  const found = await rows<{ kind: Told['kind']; id: number; at: unknown }>(
    em,
    `select kind, id, at from (${sql}) x ${after ? 'where (at, kind, id) < (?, ?, ?)' : ''}
     order by at desc, kind desc, id desc limit ${limit}`,
    [...values, ...(after ? [after.at, after.kind, after.id] : [])],
  );
  return found.map((row) => ({ ...row, at: toDate(row.at) }));
}

/** The id of a thing, and whose it is. */
export async function toldUri(
  origin: string,
  em: EntityManager,
  { kind, id }: Pick<Told, 'kind' | 'id'>,
): Promise<{ uri: string; owner: Account } | null> {
  const row = kind === 'model' ? await em.findOne(Model, id) : await em.findOne(Post, id);
  if (!row) return null;
  return { uri: objectUri(origin, kind, row), owner: await em.findOneOrFail(Account, row.owner.id) };
}

/**
 * The id of a telling begins with the thing and not with who tells: whoever takes a thing back finds all of them by it,
 * also those of tags that it bears no longer. No name of a topic has a dot in it.
 */
export const tellingStart = (origin: string, { kind, id }: Pick<Told, 'kind' | 'id'>): string =>
  `${origin}/${kind}s/${id}#told.`;
export const tellingUri = (origin: string, topic: Pick<Topic, 'name'>, thing: Pick<Told, 'kind' | 'id'>): string =>
  `${tellingStart(origin, thing)}${topic.name}`;

/** `mark` tells it from earlier ones of the same topic and thing. */
export async function tellingDocument(
  { origin }: Pick<Federation, 'origin'>,
  em: EntityManager,
  topic: Topic,
  told: Told,
  mark = '',
): Promise<{ document: Document; owner: Account } | null> {
  const found = await toldUri(origin, em, told);
  if (!found) return null;
  const act = { uri: `${tellingUri(origin, topic, told)}${mark}`, actorUri: topicActorUri(origin, topic) };
  const followers = topicFollowersUri(origin, topic);
  return {
    document: buildAnnounce(act, found.uri, followers, actorUri(origin, found.owner), told.at),
    owner: found.owner,
  };
}

export const tagsOf = (em: EntityManager, { kind, id }: Pick<Told, 'kind' | 'id'>): Promise<{ id: number }[]> =>
  rows<{ id: number }>(em, `select tag_id as id from ${kind}_tag where ${kind}_id = ? order by tag_id limit 50`, [id]);
