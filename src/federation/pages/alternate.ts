import type { EntityManager } from '@mikro-orm/core';
import { rows, toBoolean } from '../../kit/database/sql.ts';
import { objectUri } from '../addresses.ts';
import type { ReadableKind } from './may-read.ts';

interface Row {
  uri: string | null;
  is_local: unknown;
  is_open: unknown;
}

const QUERIES: Readonly<Record<ReadableKind, string>> = {
  model: `select uri, is_local, case when listed_at is null then 0 else 1 end as is_open from model where id = ?`,
  post: `select uri, is_local, case when state = 'published' and (listed_at is not null or visibility = 'unlisted')
    then 1 else 0 end as is_open from post where id = ?`,
  image: `select i.uri, i.is_local, case when i.deleted_at is null and i.level > 0 and (i.listed_at is not null
    or (p.visibility = 'unlisted' and p.state = 'published')) then 1 else 0 end as is_open
    from image i join post p on p.id = i.post_id where i.id = ?`,
  comment: `select uri, is_local, case when deleted_at is null and withheld_at is null then 1 else 0 end as is_open
    from comment where id = ?`,
  review: `select uri, is_local, case when deleted_at is null and withheld_at is null then 1 else 0 end as is_open
    from review where id = ?`,
};

/**
 * The id of what a page shows, at home where that is elsewhere; null when strangers cannot read it as ActivityPub. One
 * row by its key, because every page asks.
 */
export async function alternateOf(
  em: EntityManager,
  origin: string,
  kind: ReadableKind,
  id: number | string,
): Promise<string | null> {
  const [row] = await rows<Row>(em, QUERIES[kind], [id]);
  if (!row || Number(row.is_open) !== 1) return null;
  if (toBoolean(row.is_local)) return objectUri(origin, kind, { id });
  // a picture without an id of its own is part of its post
  return row.uri === null || row.uri.includes('#') ? null : row.uri;
}

/** The actor of a profile page; null when it is not active. */
export async function accountAlternateOf(
  em: EntityManager,
  origin: string,
  name: string,
  host: string,
): Promise<string | null> {
  const [row] = await rows<{ name: string; uri: string | null }>(
    em,
    `select name, uri from account where host = ? and name = ? and state = 'active'`,
    [host.toLowerCase(), name.toLowerCase()],
  );
  if (!row) return null;
  return host === '' ? `${origin}/users/${row.name}` : row.uri;
}
