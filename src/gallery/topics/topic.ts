import type { EntityManager } from '@mikro-orm/core';
import { Model, Tag } from '../../catalogue/model.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { lookAt } from '../access.ts';
import { lookAtCollection } from '../collections/access.ts';
import { TopicFollow, type TopicKind } from './model.ts';
import { topicName } from './names.ts';

/** A model, collection or tag of this node that everybody may follow. */
export interface Topic {
  readonly kind: TopicKind;
  readonly id: number;
  /** The part before the host in its handle. */
  readonly name: string;
  readonly title: string;
  /** Its page here. */
  readonly url: string;
  /** Markdown. */
  readonly description: string;
  /** Whose it is; null for a tag, which is nobody's. */
  readonly ownerId: number | null;
  readonly since: Date | null;
}

export const topicUrl = (kind: TopicKind, id: number, tag = ''): string =>
  kind === 'tag' ? `/tags/${encodeURIComponent(tag)}` : `/${kind}s/${id}`;

/**
 * A topic while it is public; null otherwise, the same for what is hidden and for what is not there. Unlisted ones are
 * left out too: their names count up, and whoever counts would find what is only for those who were given the address.
 */
export async function findTopic(em: EntityManager, kind: TopicKind, id: number): Promise<Topic | null> {
  if (kind === 'model') return findModel(em, id);
  if (kind === 'collection') return findCollection(em, id);
  const tag = await em.findOne(Tag, id);
  if (!tag || !(await isTagKnown(em, id))) return null;
  const { name } = tag;
  return {
    ...{ kind, id, title: `#${name}`, description: '', ownerId: null, since: null },
    name: topicName(kind, id, name),
    url: topicUrl(kind, id, name),
  };
}

async function findModel(em: EntityManager, id: number): Promise<Topic | null> {
  const model = await em.findOne(Model, { id, isLocal: true, listedAt: { $ne: null } }, { refresh: true });
  const look = model && (await lookAt(em, null, { kind: 'model', id }, 'federate'));
  if (!model || !look?.verdict.allowed) return null;
  return {
    ...{ kind: 'model', id, name: topicName('model', id), title: model.name, url: topicUrl('model', id) },
    ...{ description: model.description, ownerId: model.owner.id, since: model.publishedAt ?? null },
  };
}

async function findCollection(em: EntityManager, id: number): Promise<Topic | null> {
  const look = await lookAtCollection(em, null, id, 'federate');
  const found = look?.collection;
  if (!look?.verdict.allowed || !found || found.uri != null || found.visibility !== 'public') return null;
  return {
    ...{ kind: 'collection', id, name: topicName('collection', id), title: found.name },
    ...{ url: topicUrl('collection', id), description: found.description, ownerId: found.owner.id },
    since: found.createdAt,
  };
}

/** Does anything public bear it? What others call their private things is theirs. */
export async function isTagKnown(em: EntityManager, tagId: number): Promise<boolean> {
  const found = await rows(
    em,
    `select 1 as one where exists (select 1 from model_tag x join model m on m.id = x.model_id
         where x.tag_id = ? and m.listed_at is not null)
       or exists (select 1 from post_tag x join post p on p.id = x.post_id
         where x.tag_id = ? and p.listed_at is not null)`,
    [tagId, tagId],
  );
  return found.length > 0;
}

/** People here and elsewhere who follow it; those who are suspended or gone count no more. */
export async function countTopicFollowers(em: EntityManager, kind: TopicKind, id: number): Promise<number> {
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from topic_follow t join account a on a.id = t.follower_id
     where t.${kind}_id = ? and a.state = 'active'`,
    [id],
  );
  return toNumber(found?.n);
}

export const findTopicFollow = (em: EntityManager, kind: TopicKind, id: number, followerId: number) =>
  em.findOne(TopicFollow, { [kind]: id, follower: followerId });
