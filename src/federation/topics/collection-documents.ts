import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { type Collection, CollectionItem } from '../../gallery/collections/model.ts';
import {
  type Collected,
  ITEM_IS_LISTED,
  ITEM_JOINS,
  ITEM_KIND,
  ITEM_THING,
  itemPicture,
} from '../../gallery/collections/thing.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { renderMarkdown } from '../../kit/web/markdown.ts';
import { RATINGS } from '../../safety/ratings.ts';
import { actorUri, followersUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { listPreviews } from '../documents/pictures.ts';
import { OutboxItem } from '../model.ts';
import { buildCollectionNote } from '../vocabulary/collection-note.ts';
import { AS_PUBLIC, type Document, withContext } from '../vocabulary/context.ts';
import { collectionNoteUri, collectionUri, topicActorUri } from './addresses.ts';
import { countTold, toldUri } from './documents.ts';

type Site = Pick<Federation, 'origin'>;

/** A public collection without its items. */
export async function collectionDocument(site: Site, em: EntityManager, collection: Collection): Promise<Document> {
  const { origin } = site;
  const uri = collectionUri(origin, collection);
  const owner = await em.findOneOrFail(Account, collection.owner.id);
  const cover = await coverUri(site, em, collection);
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
    ...(cover === null ? {} : { cover }),
    totalItems: await countTold(em, 'collection', collection.id),
    first: `${uri}?page=true`,
  });
}

/** The thing that its owner chose; null while not everybody may see that. */
async function coverUri({ origin }: Site, em: EntityManager, { id, coverItemId }: Collection): Promise<string | null> {
  if (coverItemId == null) return null;
  const [found] = await listMembers(em, id, 1, null, coverItemId);
  return found ? ((await toldUri(origin, em, found))?.uri ?? null) : null;
}

/** Something that lies in a collection, and where. */
interface Member extends Collected {
  readonly position: number;
  readonly itemId: string;
}

/** What everybody may see of a collection, in its owner's order, after a place; or the one item. */
export async function listMembers(
  em: EntityManager,
  collectionId: number,
  limit: number,
  after: { readonly position: number; readonly itemId: string } | null,
  only: string | null = null,
): Promise<Member[]> {
  const found = await rows<{ kind: Member['kind']; thing_id: unknown; position: unknown; item_id: string }>(
    em,
    `select ${ITEM_KIND} as kind, ${ITEM_THING} as thing_id, c.position, c.id as item_id
     from collection_item c ${ITEM_JOINS} where c.collection_id = ? and ${ITEM_IS_LISTED}
       ${after ? 'and (c.position, c.id) > (?, ?)' : ''} ${only === null ? '' : 'and c.id = ?'}
     order by c.position, c.id limit ${limit}`,
    [collectionId, ...(after ? [after.position, after.itemId] : []), ...(only === null ? [] : [only])],
  );
  return found.map((row) => ({
    ...{ kind: row.kind, id: toNumber(row.thing_id), itemId: row.item_id },
    position: toNumber(row.position),
  }));
}

const MOST_PREVIEWS = 4;
const ALL_LEVELS = RATINGS.reduce((levels, level) => levels | level, 0);

/**
 * The note that tells of a collection, for servers that show nothing else. Its pictures are those of this node: what lies
 * in it from elsewhere is named by the collection, and not sent on.
 */
export async function collectionNote(site: Site, em: EntityManager, collection: Collection): Promise<Document> {
  const { origin } = site;
  const owner = await em.findOneOrFail(Account, collection.owner.id);
  const uri = collectionUri(origin, collection);
  const noteUri = collectionNoteUri(origin, collection);
  const said = await em.findOne(OutboxItem, { uri: `${noteUri}#create` });
  const ids = await previewIds(em, collection);
  const pictures = await listPreviews(site, em, ids);
  const place = new Map(ids.map((id, n) => [`${origin}/images/${id}`, n]));
  pictures.sort((a, b) => (place.get(a.uri ?? '') ?? 0) - (place.get(b.uri ?? '') ?? 0));
  const link = `<p><a href="${escapeHtml(uri)}">${escapeHtml(uri)}</a></p>`;
  return withContext(
    buildCollectionNote({
      uri: noteUri,
      ownerUri: actorUri(origin, owner),
      url: uri,
      collectionUri: uri,
      publishedAt: said?.createdAt ?? collection.createdAt,
      updatedAt: collection.updatedAt,
      title: collection.name,
      contentHtml: `<p><strong>${escapeHtml(collection.name)}</strong></p>${renderMarkdown(collection.description)}${link}`,
      audience: { visibility: 'public', followersUri: followersUri(origin, owner.name), mentionUris: [] },
      tags: [],
      mentions: [],
      rating: pictures.reduce((levels, { rating }) => levels | (rating ?? 0), 0) || 1,
      warning: null,
      likeCount: 0,
      previews: pictures,
    }),
  );
}

async function previewIds(em: EntityManager, { id, coverItemId }: Collection): Promise<number[]> {
  const picture = itemPicture(ALL_LEVELS);
  const found = await rows<{ id: number }>(
    em,
    `select i.id from (select ${picture.sql} as picture_id, c.id, c.position from collection_item c ${ITEM_JOINS}
       where c.collection_id = ? and ${ITEM_IS_LISTED}) h
     join image i on i.id = h.picture_id and i.is_local = ? and i.rendered_at is not null
     order by case when h.id = ? then 0 else 1 end, h.position, h.id limit ${MOST_PREVIEWS * 2}`,
    [...picture.values, id, true, coverItemId ?? NO_ITEM],
  );
  return [...new Set(found.map((row) => row.id))].slice(0, MOST_PREVIEWS);
}

const NO_ITEM = '00000000-0000-0000-0000-000000000000';

/** Is there anything in it that everybody may see? An empty list is no news. */
export const hasMembers = async (em: EntityManager, collectionId: number): Promise<boolean> =>
  (await em.count(CollectionItem, { collection: collectionId })) > 0 &&
  (await listMembers(em, collectionId, 1, null)).length > 0;
