import { z } from 'zod';
import { OWNER_COLUMNS, type OwnerRow, ownerView } from '../../gallery/views.ts';
import { inList, type Parameter, rows, toNumber } from '../../kit/database/sql.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import type { Ask, OwnAsk } from '../operation/define.ts';
import { countUpTo } from './count.ts';
import { usernameOf } from './models/views.ts';
import { findByWords } from './narrow.ts';
import { Metadata, malformedCursor, pageMetadata, placeOf } from './paging.ts';
import { ids, text, whole } from './query.ts';

const MOST_USERS = 100;

/** The account of a name, or of `name@host`; 0, which nobody has, for none. */
export async function findAccountId({ em }: Pick<Ask, 'em'>, username: string): Promise<number> {
  const [name = '', host = ''] = username.replace(/^@/, '').split('@');
  const [found] = await rows<{ id: number }>(em, 'select id from account where host = ? and name = ?', [
    host.toLowerCase(),
    name.toLowerCase(),
  ]);
  return found?.id ?? 0;
}

/** Active, and not kept out of lists by a decision. */
const IS_LISTED = `a.state = 'active' and not exists (select 1 from policy_state s where s.target_kind = 'account'
  and s.target_id = a.id and (s.restrictions & ${SHUT | RESTRICTION.list}) <> 0)`;

const CreatorItem = z.object({
  username: z.string(),
  modelCount: z.int(),
  link: z.url(),
  image: z.url().optional(),
});
export const CreatorsQuery = z.object({
  query: text(),
  /** 0 is as many as there may be. */
  limit: whole(0, 200),
  page: whole(1, 1_000_000),
  cursor: text(80),
  pageSize: whole(1, 200),
});
export const CreatorList = z.object({ items: z.array(CreatorItem), metadata: Metadata });

const MOST_CREATORS = 200;

/** Those of this node who have a model in the lists, by name. */
export async function listCreators(ask: Ask, query: z.output<typeof CreatorsQuery>) {
  const limit = query.limit ?? query.pageSize ?? 20;
  const place = placeOf({ page: 1, ...query, limit: limit === 0 ? MOST_CREATORS : limit });
  const ofModels = 'from model m where m.owner_id = a.id and m.listed_at is not null and (m.level & ?) <> 0';
  const where = [`a.host = '' and ${IS_LISTED} and exists (select 1 ${ofModels})`];
  const values: Parameter[] = [ask.eyes.levels];
  if (query.query) {
    const found = await findByWords(ask.em, 'account', query.query);
    // the index knows the newest of many; a whole name is found among any number
    where.push(`(a.id in (${inList(found)}) or a.name = ?)`);
    values.push(...found, query.query.toLowerCase());
  }
  const counted = { where: [...where], values: [...values] };
  const after = readNameCursor(place.cursor);
  if (after !== null) {
    where.push('a.name > ?');
    values.push(after);
  }
  const found = await rows<OwnerRow & { model_count: unknown }>(
    ask.em,
    // the page first: PostgreSQL would count for all that stand before it, too
    `select ${OWNER_COLUMNS}, (select count(*) ${ofModels}) as model_count from (
       select a.* from account a where ${where.join(' and ')} order by a.name limit ? offset ?) a order by a.name`,
    [ask.eyes.levels, ...values, place.limit + 1, place.offset],
  );
  const total =
    place.page === null
      ? null
      : await countUpTo(ask, `from account a where ${counted.where.join(' and ')}`, counted.values);
  const shown = found.slice(0, place.limit);
  const last = found.length > place.limit ? shown.at(-1) : undefined;
  return {
    items: shown.map((row) => {
      const { avatarUrl } = ownerView(row);
      return {
        username: row.owner_name,
        modelCount: toNumber(row.model_count),
        link: `${ask.origin}/api/v1/models?username=${encodeURIComponent(row.owner_name)}`,
        ...(avatarUrl ? { image: ask.origin + avatarUrl } : {}),
      };
    }),
    metadata: pageMetadata(ask.url, place, { nextCursor: last ? writeNameCursor(last.owner_name) : null, total }),
  };
}

/** A name as a place in a list that stands in the order of names. */
export const writeNameCursor = (name: string): string => Buffer.from(name).toString('base64url');
export function readNameCursor(cursor: string | null): string | null {
  if (cursor === null) return null;
  const name = Buffer.from(cursor, 'base64url').toString('utf8');
  if (name === '' || writeNameCursor(name) !== cursor || name.includes('\0')) throw malformedCursor();
  return name;
}

export const UsersQuery = z.object({ ids: ids(), query: text() });
export const UserList = z.object({
  items: z.array(z.object({ id: z.int(), username: z.string(), avatarNsfw: z.literal('None') })),
});

export async function listUsers({ em }: Ask, query: z.output<typeof UsersQuery>): Promise<z.output<typeof UserList>> {
  const wanted = query.ids ?? (await findByWords(em, 'account', query.query ?? '', MOST_USERS));
  const found = await rows<OwnerRow>(
    em,
    `select ${OWNER_COLUMNS} from account a where a.id in (${inList(wanted)}) and a.topic is null and ${IS_LISTED}
     order by a.id limit ${MOST_USERS}`,
    wanted,
  );
  return { items: found.map((row) => ({ id: row.owner_id, username: usernameOf(row), avatarNsfw: 'None' })) };
}

export const Me = z.object({
  id: z.int(),
  username: z.string(),
  tier: z.literal('free'),
  status: z.literal('active'),
  isMember: z.literal(false),
  subscriptions: z.array(z.never()),
});

/** Whose token it is. Nobody pays here, so everybody is of one tier. */
export async function loadMe({ viewer: { id, name } }: OwnAsk): Promise<z.output<typeof Me>> {
  return { id, username: name, tier: 'free', status: 'active', isMember: false, subscriptions: [] };
}
