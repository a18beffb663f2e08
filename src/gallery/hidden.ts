import type { Parameter } from '../kit/database/sql.ts';
import type { Eyes } from './views.ts';

interface Condition {
  readonly sql: string;
  readonly values: Parameter[];
}

const BY_TAG = {
  model: 'select g.tag_id from model_tag g where g.model_id = x.id',
  post: 'select g.tag_id from post_tag g where g.post_id = x.id',
  image: 'select g.tag_id from post_tag g where g.post_id = x.post_id',
} as const;

const BY_MODEL = {
  model: 'x.id',
  post: 'select r.model_id from image ri join resource_use r on r.image_id = ri.id where ri.post_id = x.id',
  image: 'select r.model_id from resource_use r where r.image_id = x.id',
} as const;

/**
 * Leaves out what this person hides, and what is by those whom they mute or block. Null for those who hide nothing,
 * who are most, so that their lists stay as they are. `alias` is that of the list's rows.
 */
export function hiddenCondition(kind: keyof typeof BY_TAG, alias: string, { hidesFor }: Eyes): Condition | null {
  if (!hidesFor) return null;
  const sql = `not exists (select 1 from block hb where hb.account_id = ? and hb.target_id = x.owner_id)
    and not exists (select 1 from hidden h where h.account_id = ? and (h.tag_id in (${BY_TAG[kind]})
      or h.model_id in (${BY_MODEL[kind]})
      or h.host = (select ha.host from account ha where ha.id = x.owner_id)))`;
  return { sql: sql.replaceAll('x.', `${alias}.`), values: [hidesFor, hidesFor] };
}

/** Leaves out accounts whom somebody mutes or blocks, or whose domain they hide. Takes that person's id twice. */
export const isShownPerson = (
  alias: string,
): string => `not exists (select 1 from block hb where hb.account_id = ? and hb.target_id = ${alias}.id)
  and not exists (select 1 from hidden h where h.account_id = ? and h.host = ${alias}.host)`;
