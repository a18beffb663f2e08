import { unblockedSql } from '../../../accounts/block.ts';
import { type Parameter, rows, toDate } from '../../../kit/database/sql.ts';
import type { Work } from '../../../kit/work.ts';
import {
  type Eyes,
  OWNER_COLUMNS,
  type OwnerRow,
  type OwnerView,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  type PictureView,
  pictureView,
} from '../../views.ts';
import { IS_NOT_WITHHELD } from '../access.ts';
import type { Collection } from '../model.ts';
import {
  type Collected,
  ITEM_IS_LISTED,
  ITEM_JOINS,
  ITEM_LEVEL,
  itemPicture,
  type NamedThing,
  namedThing,
  THING_COLUMNS,
  type ThingRow,
} from '../thing.ts';
import type { EntryState } from './model.ts';

/** Something that was brought, as those see it who brought it or decide on it. */
export interface EntryRow {
  readonly id: string;
  /** Null where it is gone or not public any more. */
  readonly thing: NamedThing | null;
  readonly picture: PictureView | null;
  readonly person: OwnerView;
  readonly state: EntryState;
  readonly reason: string;
  readonly since: string;
  readonly place: number | null;
  readonly award: string;
}

interface Row extends OwnerRow, ThingRow, Partial<PictureRow> {
  readonly entry_id: string;
  readonly state: EntryState;
  readonly reason: string;
  readonly created_at: unknown;
  readonly place: number | null;
  readonly award: string;
  readonly is_here: unknown;
  readonly image_id: number;
}

const PAGE_LENGTH = 50;

/** What waits, the oldest first, among the ratings of who looks: more than a page is seen when these are decided. */
export const listWaiting = (em: Work['em'], collectionId: number, eyes: Eyes): Promise<EntryRow[]> =>
  readEntries(em, eyes, `c.collection_id = ? and c.state = 'waiting'`, [collectionId], 'h.created_at, h.entry_id');

/** What one person brought, the newest first. */
export const listBrought = (em: Work['em'], collectionId: number, accountId: number, eyes: Eyes): Promise<EntryRow[]> =>
  readEntries(
    em,
    { ...eyes, levels: 31 },
    'c.account_id = ? and c.collection_id = ?',
    [accountId, collectionId],
    'h.created_at desc, h.entry_id desc',
    200,
  );

/** Decided lately, so that a decision can be taken back. */
export const listDecided = (em: Work['em'], collectionId: number, eyes: Eyes): Promise<EntryRow[]> =>
  readEntries(
    em,
    eyes,
    `c.collection_id = ? and c.state in ('in', 'refused') and c.decided_at is not null`,
    [collectionId],
    'h.decided_at desc, h.entry_id',
    20,
  );

/** Entries of a contest: what is in it, or was and stands in its result. */
export const listEntries = (em: Work['em'], collectionId: number, eyes: Eyes): Promise<EntryRow[]> =>
  readEntries(
    em,
    eyes,
    `c.collection_id = ? and (c.state = 'in' or c.place is not null)`,
    [collectionId],
    'case when h.place is null then 32767 else h.place end, h.created_at, h.entry_id',
    500,
  );

async function readEntries(
  em: Work['em'],
  eyes: Eyes,
  condition: string,
  values: readonly Parameter[],
  order: string,
  limit = PAGE_LENGTH,
): Promise<EntryRow[]> {
  const picture = itemPicture(eyes.levels);
  const found = await rows<Row>(
    em,
    `select h.*, ${OWNER_COLUMNS}, ${PICTURE_COLUMNS} from (
       select c.id as entry_id, c.state, c.reason, c.created_at, c.decided_at, c.place, c.award, c.account_id,
         ${THING_COLUMNS}, case when ${ITEM_IS_LISTED} and (${ITEM_LEVEL} & ?) <> 0 then 1 else 0 end as is_here,
         ${picture.sql} as picture_id
       from collection_entry c ${ITEM_JOINS} where ${condition}) h
     join account a on a.id = h.account_id left join image i on i.id = h.picture_id
     order by ${order} limit ${limit}`,
    [eyes.levels, ...picture.values, ...values],
  );
  return found.map((row) => {
    const isHere = Number(row.is_here) === 1;
    return {
      id: row.entry_id,
      thing: isHere ? namedThing(row) : null,
      picture: isHere && row.image_id ? pictureView(row as Row & PictureRow, eyes) : null,
      person: ownerView(row),
      ...{ state: row.state, reason: row.reason, place: row.place, award: row.award },
      since: toDate(row.created_at).toISOString(),
    };
  });
}

/** A collection of somebody else to which the viewer may add. */
export interface AddableRow {
  readonly id: number;
  readonly name: string;
  readonly owner: OwnerView;
  readonly visibility: Collection['visibility'];
  readonly isReviewed: boolean;
  readonly isContest: boolean;
  /** Of the thing that was asked about, where the viewer brought it; '' otherwise. */
  readonly state: EntryState | '';
  readonly hasThing: boolean;
}

interface Addable extends OwnerRow {
  readonly id: unknown;
  readonly name: string;
  readonly visibility: Collection['visibility'];
  readonly intake: Collection['intake'];
  readonly is_contest: unknown;
  readonly state: EntryState | null;
  readonly has_thing: unknown;
}

/**
 * Where the viewer takes part, and what is open to anyone among what they follow or added to, with
 * the public contests for a thing of their own. No contest that takes nothing
 * now or that is not for the viewer.
 */
export async function listAddable(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  thing: Collected | null,
): Promise<AddableRow[]> {
  if (!viewer) return [];
  const me = viewer.id;
  const of = thing?.kind ?? 'model';
  const found = await rows<Addable>(
    em,
    `select k.id, k.name, k.visibility, k.intake, ${OWNER_COLUMNS}, case when q.collection_id is null then 0 else 1 end as is_contest,
       (select e.state from collection_entry e where e.collection_id = k.id and e.account_id = ? and e.${of}_id = ?) as state,
       case when exists (select 1 from collection_item c where c.collection_id = k.id and c.${of}_id = ?) then 1 else 0 end as has_thing
     from (select m.collection_id as id from collection_member m where m.account_id = ? and m.accepted_at is not null
         and m.role <> 'judge'
       union select f.collection_id from topic_follow f where f.follower_id = ? and f.collection_id is not null
       union select e.collection_id from collection_entry e where e.account_id = ?
       union select oq.collection_id from contest oq join collection ok on ok.id = oq.collection_id
         where oq.closes_at > ? and ok.visibility = 'public'
           and exists (select 1 from ${of} x where x.id = ? and x.owner_id = ?)) w
     join collection k on k.id = w.id join account a on a.id = k.owner_id
     left join collection_member m on m.collection_id = k.id and m.account_id = ? and m.accepted_at is not null
     left join contest q on q.collection_id = k.id
     where k.deleted_at is null and k.uri is null and k.owner_id <> ? and a.state = 'active' and ${IS_NOT_WITHHELD}
       and (k.adders = 'anyone' or (k.adders = 'invited' and m.role in ('manager', 'contributor')))
       and (k.visibility <> 'private' or m.id is not null)
       and (q.collection_id is null or (q.opens_at <= ? and q.closes_at > ? and q.results_at is null
         and coalesce(m.role, '') not in ('manager', 'judge')))
       and ${unblockedSql('k.owner_id')}
     order by k.updated_at desc, k.id desc limit 200`,
    [
      ...[me, thing?.id ?? 0, thing?.id ?? 0, me, me, me],
      ...[now(), thing?.id ?? 0, me],
      ...[me, me, now(), now(), me, me],
    ],
  );
  return found.map((row) => ({
    ...{ id: Number(row.id), name: row.name, visibility: row.visibility, owner: ownerView(row) },
    ...{ isReviewed: row.intake === 'reviewed', isContest: Number(row.is_contest) === 1 },
    state: row.state ?? '',
    hasThing: Number(row.has_thing) === 1,
  }));
}
