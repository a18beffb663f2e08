import type { EntityManager } from '@mikro-orm/core';
import type { ContentState } from '../../catalogue/types.ts';
import { rows, toBoolean, toDate, toDateOrNull } from '../../kit/database/sql.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';

/** A version and how it is early. */
export interface Early {
  readonly versionId: number;
  readonly modelId: number;
  readonly modelName: string;
  readonly versionName: string;
  readonly ownerId: number;
  readonly isLocal: boolean;
  readonly state: ContentState;
  readonly publishedAt: Date | null;
  /** Public and for everybody, apart from being early: nobody withholds or took it back. */
  readonly isAvailable: boolean;
  /** Null where it never was. */
  readonly terms: EarlyTerms | null;
}

interface EarlyTerms {
  readonly endsAt: Date;
  readonly isForFollowers: boolean;
  readonly price: number | null;
  readonly endedAt: Date | null;
}

export const isEarlyNow = ({ terms }: Pick<Early, 'terms'>, now: Date): boolean =>
  terms !== null && terms.endedAt === null && terms.endsAt > now;

interface Row {
  id: number;
  model_id: number;
  model_name: string;
  name: string;
  owner_id: number;
  is_local: unknown;
  state: ContentState;
  model_state: ContentState;
  published_at: unknown;
  restrictions: number;
  ends_at: unknown;
  is_for_followers: unknown;
  price: number | null;
  ended_at: unknown;
}

const NOT_TO_BE_HAD = SHUT | RESTRICTION.removed | RESTRICTION.download;

const COLUMNS = `select v.id, v.model_id, m.name as model_name, v.name, m.owner_id, m.is_local, v.state,
    m.state as model_state, v.published_at, e.ends_at, e.is_for_followers, e.price, e.ended_at,
    coalesce((select s.restrictions from policy_state s where s.target_kind = 'version' and s.target_id = v.id), 0)
    | coalesce((select s.restrictions from policy_state s where s.target_kind = 'model' and s.target_id = m.id), 0)
    | coalesce((select s.restrictions from policy_state s where s.target_kind = 'account' and s.target_id = m.owner_id), 0)
    as restrictions
  from model_version v join model m on m.id = v.model_id left join early_access e on e.version_id = v.id`;

export async function findEarly(em: EntityManager, versionId: number): Promise<Early | null> {
  const [row] = await rows<Row>(em, `${COLUMNS} where v.id = ?`, [versionId]);
  return row ? earlyOf(row) : null;
}

/** Those that have not opened yet, of a model or, by `owner_id`, of somebody. */
export async function listNotOpen(em: EntityManager, by: 'v.id' | 'm.id' | 'm.owner_id', id: number): Promise<Early[]> {
  const found = await rows<Row>(em, `${COLUMNS} where ${by} = ? and e.version_id is not null and e.ended_at is null`, [
    id,
  ]);
  return found.map(earlyOf);
}

const earlyOf = (row: Row): Early => ({
  ...{ versionId: row.id, modelId: row.model_id, modelName: row.model_name, versionName: row.name },
  ...{ ownerId: row.owner_id, isLocal: toBoolean(row.is_local), state: row.state },
  publishedAt: toDateOrNull(row.published_at),
  isAvailable: row.state === 'published' && row.model_state === 'published' && (row.restrictions & NOT_TO_BE_HAD) === 0,
  terms:
    row.ends_at == null
      ? null
      : {
          ...{ endsAt: toDate(row.ends_at), isForFollowers: toBoolean(row.is_for_followers), price: row.price },
          endedAt: toDateOrNull(row.ended_at),
        },
});
