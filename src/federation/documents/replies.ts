import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { RESTRICTION } from '../../safety/policy.ts';

/** What has a list of answers. */
export type Answered = 'model' | 'version' | 'post' | 'image' | 'comment' | 'review';

export interface Reply {
  readonly kind: 'comment' | 'review';
  readonly id: string;
  /** Null for ours. */
  readonly uri: string | null;
  readonly createdAt: Date;
}

/** Answers to answers are theirs, and what only some see is in no list. */
const commentsOn = (kind: Exclude<Answered, 'version'>): string =>
  `select 'comment' as kind, c.id, c.uri, c.created_at from comment c where c.${kind === 'comment' ? 'parent' : kind}_id = ?
    ${kind === 'comment' ? '' : 'and c.parent_id is null'} and c.audience = 'page' and c.deleted_at is null and c.withheld_at is null`;

/** Whoever sees the model sees its reviews, but for those of versions that are not public. */
const reviewsOf = (kind: 'model' | 'version'): string =>
  `select 'review' as kind, r.id, r.uri, r.created_at from review r join account a on a.id = r.author_id
     join model_version v on v.id = r.version_id
   where r.${kind}_id = ? and v.state = 'published' and a.state = 'active' and r.deleted_at is null and r.withheld_at is null
     and not exists (select 1 from policy_state s where s.target_kind = 'version' and s.target_id = v.id
       and s.restrictions & ${RESTRICTION.view | RESTRICTION.removed | RESTRICTION.federate} <> 0)`;

function repliesTo(kind: Answered, id: number | string): { sql: string; values: Parameter[] } {
  if (kind === 'version') return { sql: reviewsOf(kind), values: [id] };
  if (kind === 'model') return { sql: `${commentsOn(kind)} union all ${reviewsOf(kind)}`, values: [id, id] };
  return { sql: commentsOn(kind), values: [id] };
}

export async function countReplies(em: EntityManager, kind: Answered, id: number | string): Promise<number> {
  const { sql, values } = repliesTo(kind, id);
  const [found] = await rows<{ n: unknown }>(em, `select count(*) as n from (${sql}) x`, values);
  return toNumber(found?.n);
}

/** Oldest first, as a conversation is read. */
export async function listReplies(
  em: EntityManager,
  kind: Answered,
  id: number | string,
  limit: number,
  after: { readonly at: Date; readonly id: string } | null,
): Promise<Reply[]> {
  const { sql, values } = repliesTo(kind, id);
  const found = await rows<{ kind: Reply['kind']; id: string; uri: string | null; created_at: unknown }>(
    em,
    `select kind, id, uri, created_at from (${sql}) x ${after ? 'where (created_at, id) > (?, ?)' : ''}
     order by created_at, id limit ${limit}`,
    [...values, ...(after ? [after.at, after.id] : [])],
  );
  return found.map(({ created_at, ...row }) => ({ ...row, createdAt: toDate(created_at) }));
}
