import type { EntityManager } from '@mikro-orm/core';
import { modelUrl } from '../../discovery/cards.ts';
import type { FindEngineReach } from '../../discovery/lists/engine-reach.ts';
import { findMatches, findSearchByKey } from '../../discovery/saved/matches.ts';
import { OWNER_COLUMNS, type OwnerRow, ownerView } from '../../gallery/views.ts';
import { inList, rows, toDate } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { VISITOR_LEVELS } from '../../safety/ratings.ts';
import type { AtomEntry, AtomFeed } from './atom.ts';

const ENTRIES = 30;
const START = new Date(0);

interface Row extends OwnerRow {
  id: number;
  name: string;
  listed_at: unknown;
  picture_id: number | null;
}

/**
 * The newest that fit a saved search, for whoever has its address: what its owner sees, by name and link. A picture is
 * shown only where every visitor may look at it, for the program that asks is nobody. Throws `not_found`.
 */
export async function loadSearchFeed(
  work: Pick<Work, 'em' | 'now'>,
  key: string,
  { origin, findReach }: { readonly origin: string; readonly findReach: FindEngineReach },
): Promise<AtomFeed> {
  const owned = /^[\w-]{43}$/.test(key) ? await findSearchByKey(work.em, key) : null;
  if (!owned) throw new AppError('not_found', 'There is no such feed.');
  const { search } = owned;
  const ids = await findMatches(work, owned, { reach: await findReach(work), limit: ENTRIES, after: START });
  const entries = await (search.kind === 'models' ? modelEntries : imageEntries)(work.em, ids, origin);
  return {
    title: search.name,
    url: `${origin}/feeds/searches/${key}.atom`,
    pageUrl: `${origin}/${search.kind}?${search.query}`,
    nextUrl: null,
    updatedAt: entries[0]?.updatedAt ?? START.toISOString(),
    entries,
  };
}

async function modelEntries(em: EntityManager, ids: readonly number[], origin: string): Promise<AtomEntry[]> {
  const found = await rows<Row>(
    em,
    `select m.id, m.name, m.listed_at, i.id as picture_id, ${OWNER_COLUMNS} from model m join account a on a.id = m.owner_id
       left join image i on i.id = m.cover_image_id and i.listed_at is not null and (i.level & ?) <> 0
     where m.id in (${inList(ids)}) order by m.listed_at desc, m.id desc`,
    [VISITOR_LEVELS, ...ids],
  );
  return found.map((row) => entryOf(row, row.name, modelUrl(row.id, row.name), origin));
}

async function imageEntries(em: EntityManager, ids: readonly number[], origin: string): Promise<AtomEntry[]> {
  const found = await rows<Row>(
    em,
    `select i.id, '' as name, i.listed_at, case when (i.level & ?) <> 0 then i.id end as picture_id, ${OWNER_COLUMNS}
     from image i join account a on a.id = i.owner_id where i.id in (${inList(ids)}) order by i.listed_at desc, i.id desc`,
    [VISITOR_LEVELS, ...ids],
  );
  return found.map((row) => entryOf(row, t('feeds.image-by', { name: row.owner_name }), `/images/${row.id}`, origin));
}

function entryOf(row: Row, title: string, path: string, origin: string): AtomEntry {
  const owner = ownerView(row);
  return {
    ...{ title, url: origin + path, updatedAt: toDate(row.listed_at).toISOString() },
    ...{ author: owner.displayName || owner.name, authorUrl: origin + owner.url },
    html: row.picture_id === null ? '' : `<p><img src="${origin}/media/640/${row.picture_id}.webp" alt=""></p>`,
  };
}
