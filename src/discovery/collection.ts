import { z } from 'zod';
import { accountCard } from '../accounts/profile/header.ts';
import { assertSeesCollection } from '../gallery/collections/access.ts';
import { type Collection, CollectionRefusal } from '../gallery/collections/model.ts';
import { readPlace, writePlace } from '../gallery/collections/order.ts';
import {
  coverPicture,
  ITEM_IS_LISTED,
  ITEM_JOINS,
  ITEM_KIND,
  ITEM_OWNER,
  ITEM_THING,
  isSeenItem,
} from '../gallery/collections/thing.ts';
import { loadTogether, type TogetherView } from '../gallery/collections/together/view.ts';
import { type ContestView, findContestView } from '../gallery/contests/view.ts';
import { loadTopicFollow, type TopicFollowView } from '../gallery/topics/follow.ts';
import { type Eyes, eyesOf, hidingNothing } from '../gallery/views.ts';
import { type Parameter, rows, toNumber } from '../kit/database/sql.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { isSensitive } from '../safety/ratings.ts';
import type { Page } from './cards.ts';
import { COLLECTED_OF_PAGE, type FeedItem, type FeedRow, feedItems } from './feed.ts';
import { addressOf } from './lists/address.ts';

export const CollectionQuery = z.object({ cursor: z.string().max(60).optional().catch(undefined) });

export interface CollectionPage {
  readonly id: number;
  readonly name: string;
  /** Markdown, or HTML of a peer where `originalUrl` is set. */
  readonly description: string;
  /** Its address at home, for one of elsewhere. */
  readonly originalUrl: string | null;
  readonly visibility: Collection['visibility'];
  readonly owner: ReturnType<typeof accountCard>;
  readonly mine: boolean;
  readonly together: TogetherView;
  /** Null for a plain collection. */
  readonly contest: ContestView | null;
  /** Of what this viewer sees. */
  readonly itemCount: number;
  /** What others had left out, for its owner. */
  readonly refusedCount: number;
  /** Something in it is the viewer's, or was until they asked. */
  readonly hasSay: boolean;
  /** Null where it cannot be followed. */
  readonly follow: TopicFollowView | null;
  readonly items: readonly FeedItem[];
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** Throws `not_found` for what is private and somebody else's, `gone` for what is deleted, `withheld` by moderators. */
export async function loadCollectionPage(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  id: number,
  { cursor }: z.output<typeof CollectionQuery>,
): Promise<CollectionPage> {
  const { collection, owner } = await assertSeesCollection(em, viewer, id);
  const { name, description, visibility } = collection;
  const mine = owner.id === viewer?.id;
  const theirs = await eyesOf(em, viewer);
  const eyes = mine ? hidingNothing(theirs) : theirs;
  const { items, nextCursor } = await listCollected(em, eyes, id, cursor);
  const cover = await coverOf(em, eyes, id);
  const url = `/collections/${id}`;
  const isRemote = collection.uri != null;
  return {
    ...{ id, name, description, visibility, mine, items },
    originalUrl: collection.uri ?? null,
    owner: accountCard(owner),
    together: await loadTogether(em, viewer, collection),
    contest: await findContestView({ em, viewer, now }, collection, eyes),
    itemCount: await countCollected(em, eyes, id),
    follow: await loadTopicFollow(em, viewer, 'collection', id),
    refusedCount: mine ? await em.count(CollectionRefusal, { collection: id }) : 0,
    hasSay: viewer !== null && !mine && (await hasSay(em, viewer.id, id)),
    moreUrl: nextCursor === null ? '' : addressOf(url, { cursor: nextCursor }),
    page: {
      title: name,
      canonical: url,
      ...(description === '' || isRemote ? {} : { description: description.slice(0, 200) }),
      ...(visibility === 'public' && !isRemote ? {} : { noindex: true }),
      ...(visibility === 'private' ? {} : { feeds: [{ title: name, href: `/feeds${url}.atom` }] }),
      ...(cover && !isSensitive(cover.level) ? { ogImage: `/media/1280/${cover.id}.webp` } : {}),
    },
  };
}

const PAGE_LENGTH = 32;

function seenItems(id: number, eyes: Eyes): { sql: string; values: Parameter[] } {
  const seen = isSeenItem(eyes);
  return {
    sql: `collection_item c ${ITEM_JOINS} where c.collection_id = ? and ${seen.sql}`,
    values: [id, ...seen.values],
  };
}

async function countCollected(em: Work['em'], eyes: Eyes, id: number): Promise<number> {
  const seen = seenItems(id, eyes);
  const [found] = await rows<{ n: unknown }>(em, `select count(*) as n from ${seen.sql}`, seen.values);
  return toNumber(found?.n);
}

/** In its owner's order. */
async function listCollected(
  em: Work['em'],
  eyes: Eyes,
  id: number,
  cursor: string | undefined,
): Promise<Page<FeedItem>> {
  const place = readPlace(cursor);
  const seen = seenItems(id, eyes);
  const values = [...seen.values];
  if (place) values.push(place.position, place.id);
  const found = await rows<FeedRow & { position: unknown; item_id: string }>(
    em,
    `with page as (select ${ITEM_KIND} as kind, ${ITEM_THING} as id, c.added_at as listed_at, c.position, c.id as item_id
       from ${seen.sql} ${place ? 'and (c.position, c.id) > (?, ?)' : ''}
       order by c.position, c.id limit ${PAGE_LENGTH + 1})
     ${COLLECTED_OF_PAGE} order by page.position, page.item_id`,
    [...values, eyes.levels, eyes.levels, eyes.levels],
  );
  const shown = found.slice(0, PAGE_LENGTH);
  const last = found.length > PAGE_LENGTH ? shown.at(-1) : undefined;
  return { items: feedItems(shown, eyes), nextCursor: last ? writePlace(last.position, last.item_id) : null };
}

/** What was put in last, for whoever may see the collection: the caller has asked. */
export async function listLastCollected(em: Work['em'], eyes: Eyes, id: number, limit: number): Promise<FeedItem[]> {
  const seen = seenItems(id, eyes);
  const found = await rows<FeedRow>(
    em,
    `with page as (select ${ITEM_KIND} as kind, ${ITEM_THING} as id, c.added_at as listed_at, c.position, c.id as item_id
       from ${seen.sql} order by c.added_at desc, c.id desc limit ?)
     ${COLLECTED_OF_PAGE} order by page.listed_at desc, page.item_id desc`,
    [...seen.values, limit, eyes.levels, eyes.levels, eyes.levels],
  );
  return feedItems(found, eyes);
}

async function coverOf(em: Work['em'], eyes: Eyes, id: number): Promise<{ id: number; level: number } | null> {
  const cover = coverPicture(eyes);
  const [found] = await rows<{ id: number; level: number }>(
    em,
    `select i.id, i.level from (select ${cover.sql} as cover_id from collection k where k.id = ?) h
     join image i on i.id = h.cover_id`,
    [...cover.values, id],
  );
  return found ?? null;
}

/** May the viewer have something of theirs left out, or did they? */
async function hasSay(em: Work['em'], viewerId: number, id: number): Promise<boolean> {
  const found = await rows(
    em,
    `select 1 as one from collection_item c ${ITEM_JOINS} where c.collection_id = ? and ${ITEM_IS_LISTED} and ${ITEM_OWNER} = ?
     union all select 1 from collection_refusal r where r.collection_id = ? and r.account_id = ? limit 1`,
    [id, viewerId, id, viewerId],
  );
  return found.length > 0;
}
