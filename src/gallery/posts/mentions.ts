import type { EntityManager } from '@mikro-orm/core';
import { unblockedSql } from '../../accounts/block.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Visibility } from '../../safety/audience.ts';
import { OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../views.ts';

const MOST_MENTIONS = 20;

/** `@name` of this node, `@name@host` of another. Not within a word: `me@example.org` is an address of mail. */
const MENTION =
  /(?<![\w@/.])@([a-z0-9_](?:[a-z0-9_.-]{0,62}[a-z0-9_])?)(?:@([a-z0-9.-]+\.[a-z]{2,}(?::\d{1,5})?|[\d.]+:\d{1,5}|localhost(?::\d{1,5})?))?/gi;

/** The people whom a text names, as `name@host` or `name`; each once. */
function readMentions(text: string): string[] {
  const found = [...text.matchAll(MENTION)].map(([, name = '', host]) =>
    host === undefined ? name.toLowerCase() : `${name}@${host}`.toLowerCase(),
  );
  return [...new Set(found)].slice(0, MOST_MENTIONS);
}

/** Finds a person by `name` or `name@host`; given by a room above, because it may ask their server. */
export type FindPerson = (handle: string) => Promise<number | null>;

/** Among the accounts that are known here. */
export const findKnown =
  (em: EntityManager): FindPerson =>
  async (handle) => {
    const [name = '', host = ''] = handle.split('@');
    const [found] = await rows<{ id: number }>(
      em,
      `select id from account where host = ? and name = ? and state = 'active'`,
      [host, name],
    );
    return found?.id ?? null;
  };

interface Named {
  readonly accountIds: readonly number[];
  /** Handles of nobody, with their sign. */
  readonly unknown: readonly string[];
}

/** Throws `invalid` for what is sent to named people alone, and names nobody, or somebody who is not there. */
export function assertNamed(visibility: Visibility, { accountIds, unknown }: Named): void {
  if (visibility !== 'direct' || (unknown.length === 0 && accountIds.length > 0)) return;
  const message = unknown.length > 0 ? t('post.named-unknown', { who: unknown.join(', ') }) : t('post.named-nobody');
  throw new AppError('invalid', message, { fields: { caption: message } });
}

/** Ids of those who are known, and the handles of those who are not. */
export async function resolveMentions(text: string, find: FindPerson): Promise<Named> {
  const accountIds: number[] = [];
  const unknown: string[] = [];
  for (const handle of readMentions(text)) {
    const id = await find(handle);
    if (id === null) unknown.push(`@${handle}`);
    else if (!accountIds.includes(id)) accountIds.push(id);
  }
  return { accountIds, unknown };
}

type Naming = { readonly post: number } | { readonly comment: string } | { readonly review: string };

function columnOf(thing: Naming): [column: string, id: number | string] {
  if ('post' in thing) return ['post_id', thing.post];
  return 'comment' in thing ? ['comment_id', thing.comment] : ['review_id', thing.review];
}

/**
 * Has a post, a comment or a review name exactly these people, without its author and without who blocks them or is blocked by
 * them. Within the caller's transaction.
 */
export async function setMentions(
  em: EntityManager,
  thing: Naming,
  authorId: number,
  accountIds: readonly number[],
): Promise<void> {
  const [column, id] = columnOf(thing);
  const named = await rows<{ id: number }>(
    em,
    `select a.id from account a where a.id in (${inList(accountIds)}) and a.id <> ? and a.state = 'active'
       and ${unblockedSql('a.id')}`,
    [...accountIds, authorId, authorId, authorId],
  );
  const ids = named.map((row) => row.id);
  await rows(
    em,
    `delete from mention where ${column} = ?${ids.length > 0 ? ` and account_id not in (${inList(ids)})` : ''} returning id`,
    [id, ...ids],
  );
  for (const accountId of ids) {
    await rows(
      em,
      `insert into mention (id, account_id, ${column}) values (?, ?, ?) on conflict do nothing returning id`,
      [newId(), accountId, id],
    );
  }
}

/** Whom a post names, by name. */
export async function listNamed(em: EntityManager, postId: number): Promise<OwnerView[]> {
  const found = await rows<OwnerRow>(
    em,
    `select ${OWNER_COLUMNS} from mention n join account a on a.id = n.account_id
     where n.post_id = ? and a.state = 'active' order by a.host, a.name limit ${MOST_MENTIONS}`,
    [postId],
  );
  return found.map(ownerView);
}
