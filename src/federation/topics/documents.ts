import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import type { CollectedKind } from '../../gallery/collections/model.ts';
import { ITEM_IS_LISTED, ITEM_JOINS, ITEM_KIND, ITEM_THING } from '../../gallery/collections/thing.ts';
import { Image, Post } from '../../gallery/model.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { type Parameter, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { actorUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { buildAnnounce } from '../vocabulary/activity.ts';
import type { Document } from '../vocabulary/context.ts';
import { topicActorUri, topicFollowersUri } from './addresses.ts';

/** Something that a topic tells of. */
export interface Told {
  /** Single pictures are told of by collections alone. */
  readonly kind: CollectedKind;
  readonly id: number;
  readonly at: Date;
}

const OF_COLLECTION = `select ${ITEM_KIND} as kind, ${ITEM_THING} as id, c.added_at as at
  from collection_item c ${ITEM_JOINS} where c.collection_id = ? and ${ITEM_IS_LISTED}`;
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

/** The newest first. */
export async function listTold(em: EntityManager, kind: Topic['kind'], id: number, limit: number): Promise<Told[]> {
  const { sql, values } = toldOf(kind, id);
  const found = await rows<{ kind: Told['kind']; id: number; at: unknown }>(
    em,
    `select kind, id, at from (${sql}) x order by at desc, kind desc, id desc limit ${limit}`,
    values,
  );
  return found.map((row) => ({ ...row, at: toDate(row.at) }));
}

/** The id of a thing, and whose it is. */
export async function toldUri(
  origin: string,
  em: EntityManager,
  { kind, id }: Pick<Told, 'kind' | 'id'>,
): Promise<{ uri: string; owner: Account } | null> {
  if (kind === 'image') {
    const image = await em.findOne(Image, id, { populate: ['post'] });
    if (!image) return null;
    // a picture without an id of its own is part of its post
    const uri = image.uri?.includes('#picture-') ? (image.post.$.uri ?? '') : objectUri(origin, kind, image);
    return { uri, owner: await em.findOneOrFail(Account, image.owner.id) };
  }
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
  kind === 'image'
    ? Promise.resolve([])
    : rows<{ id: number }>(em, `select tag_id as id from ${kind}_tag where ${kind}_id = ? order by tag_id limit 50`, [
        id,
      ]);
