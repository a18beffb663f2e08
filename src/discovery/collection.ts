import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import { accountCard } from '../accounts/profile/header.ts';
import { Collection } from '../gallery/collections/model.ts';
import { loadTopicFollow, type TopicFollowView } from '../gallery/topics/follow.ts';
import { type Eyes, eyesOf } from '../gallery/views.ts';
import { type Parameter, rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { type Page, readCursor, writeCursor } from './cards.ts';
import { FEED_OF_PAGE, type FeedItem, type FeedRow, feedItems } from './feed.ts';
import { addressOf } from './pages.ts';

export const CollectionQuery = z.object({ cursor: z.string().max(40).optional().catch(undefined) });

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
  /** Of what this viewer sees. */
  readonly itemCount: number;
  /** Null where it cannot be followed. */
  readonly follow: TopicFollowView | null;
  readonly items: readonly FeedItem[];
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** Throws `not_found` for what is private and somebody else's, `gone` for what was public and is deleted. */
export async function loadCollectionPage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  id: number,
  { cursor }: z.output<typeof CollectionQuery>,
): Promise<CollectionPage> {
  const found = await em.findOne(Collection, id);
  const owner = found && (await em.findOne(Account, { id: found.owner.id, state: 'active' }));
  const mine = owner?.id === viewer?.id;
  if (!found || !owner || (found.visibility === 'private' && !mine)) throw nothing();
  if (found.deletedAt != null) throw new AppError('gone', 'This collection was deleted.');
  const eyes = await eyesOf(em, viewer);
  const { items, nextCursor } = await listCollected(em, eyes, id, cursor);
  const url = `/collections/${id}`;
  return {
    ...{ id, name: found.name, description: found.description, visibility: found.visibility, mine, items },
    originalUrl: found.uri ?? null,
    owner: accountCard(owner),
    itemCount: await countCollected(em, eyes, id),
    follow: await loadTopicFollow(em, viewer, 'collection', id),
    moreUrl: nextCursor === null ? '' : addressOf(url, { cursor: nextCursor }),
    page: {
      title: found.name,
      canonical: url,
      ...(found.description === '' || found.uri != null ? {} : { description: found.description.slice(0, 200) }),
      ...(found.visibility === 'public' && found.uri == null ? {} : { noindex: true }),
    },
  };
}

const nothing = () => new AppError('not_found', 'There is no such collection.');

const PAGE_LENGTH = 32;
/** What stopped being public since it was put in is shown to nobody, as if it were not in it. */
const PUBLIC_ITEMS = `collection_item c left join model cm on cm.id = c.model_id left join post cp on cp.id = c.post_id
  where c.collection_id = ? and coalesce(cm.listed_at, cp.listed_at) is not null`;

async function countCollected(em: Work['em'], eyes: Eyes, id: number): Promise<number> {
  const sql = `select count(*) as n from ${PUBLIC_ITEMS} and (coalesce(cm.level, cp.level) & ?) <> 0`;
  const [found] = await rows<{ n: unknown }>(em, sql, [id, eyes.levels]);
  return toNumber(found?.n);
}

/** The newest first, as they were put in. */
async function listCollected(
  em: Work['em'],
  eyes: Eyes,
  id: number,
  cursor: string | undefined,
): Promise<Page<FeedItem>> {
  const place = readCursor(cursor);
  const values: Parameter[] = [id, eyes.levels];
  if (place) values.push(new Date(place.value), place.id);
  // a model and a post may share an id: the order is that of `id * 2`, and one more for posts
  const order = 'coalesce(c.model_id * 2, c.post_id * 2 + 1)';
  const found = await rows<FeedRow>(
    em,
    `with page as (select case when c.model_id is null then 'post' else 'model' end as kind,
         coalesce(c.model_id, c.post_id) as id, c.added_at as listed_at
       from ${PUBLIC_ITEMS} and (coalesce(cm.level, cp.level) & ?) <> 0
         ${place ? `and (c.added_at, ${order}) < (?, ?)` : ''}
       order by c.added_at desc, ${order} desc limit ${PAGE_LENGTH + 1})
     ${FEED_OF_PAGE} order by page.listed_at desc, case when page.kind = 'model' then page.id * 2 else page.id * 2 + 1 end desc`,
    [...values, eyes.levels, eyes.levels, eyes.levels],
  );
  const shown = found.slice(0, PAGE_LENGTH);
  const last = found.length > PAGE_LENGTH ? shown.at(-1) : undefined;
  const placeOf = ({ kind, id: itemId }: FeedRow) => itemId * 2 + (kind === 'post' ? 1 : 0);
  return {
    items: feedItems(shown, eyes),
    nextCursor: last ? writeCursor('newest', last.listed_at, placeOf(last)) : null,
  };
}
