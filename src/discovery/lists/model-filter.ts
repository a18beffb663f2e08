import type { EntityManager } from '@mikro-orm/core';
import { MODEL_AUDIENCE, modelAudienceParameters } from '../../catalogue/access.ts';
import { allowsUse } from '../../catalogue/commercial-use.ts';
import type { CommercialUse, FILE_FORMATS } from '../../catalogue/types.ts';
import { hiddenCondition } from '../../gallery/hidden.ts';
import type { Eyes } from '../../gallery/views.ts';
import { inList } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { notDelistedSql } from '../../safety/standing.ts';
import { Conditions } from './conditions.ts';
import { type EngineReach, runsCondition } from './engine-reach.ts';

/** What its author lets others do, as the filters of lists name it. */
export const PERMISSIONS = ['no-credit', 'sell-images', 'rent', 'sell', 'derivatives', 'relicense'] as const;
type AuthorPermission = (typeof PERMISSIONS)[number];

/** By a use that its author sells, or by a column. */
const PERMISSION_SQL: Readonly<Record<AuthorPermission, { use: CommercialUse } | { column: string }>> = {
  'no-credit': { column: 'm.allow_no_credit' },
  'sell-images': { use: 'Image' },
  rent: { use: 'Rent' },
  sell: { use: 'Sell' },
  derivatives: { column: 'm.allow_derivatives' },
  relicense: { column: 'm.allow_different_license' },
};

export interface ModelFilter {
  readonly type?: string | undefined;
  readonly baseModel?: string | undefined;
  readonly tagId?: number | undefined;
  /** All of them. */
  readonly tagIds?: readonly number[] | undefined;
  /** None of them. */
  readonly notTagIds?: readonly number[] | undefined;
  readonly permissions?: readonly AuthorPermission[] | undefined;
  readonly file?: { readonly format?: (typeof FILE_FORMATS)[number]; readonly bytes?: readonly [number, number] };
  /** What the node's engine can be given. */
  readonly runsOn?: EngineReach | undefined;
  /** Only what this account has not opened. */
  readonly unseenBy?: number | undefined;
  readonly ownerId?: number | undefined;
  /** Only what was listed since. */
  readonly since?: Date | undefined;
  /** Only what was listed before. */
  readonly until?: Date | undefined;
  readonly onlyLocal?: boolean | undefined;
  /** Only models of accounts that this account follows. */
  readonly followedBy?: number | undefined;
  readonly ids?: readonly number[] | undefined;
  /** Beside what is public, what is for this viewer; without it, what is public. */
  readonly shownTo?: Viewer | null | undefined;
}

/** Of rows `model m`. */
export async function modelConditions(em: EntityManager, eyes: Eyes, filter: ModelFilter): Promise<Conditions> {
  const it = new Conditions();
  it.add(filter.shownTo === undefined ? 'm.listed_at is not null' : 'm.shown_at is not null');
  it.add('(m.level & ?) <> 0', eyes.levels);
  if (filter.shownTo !== undefined) {
    const isLeftIn = notDelistedSql('model', 'm.id', 'm.owner_id');
    it.add(
      `(m.listed_at is not null or (${MODEL_AUDIENCE} and ${isLeftIn}))`,
      ...modelAudienceParameters(filter.shownTo),
    );
  }
  if (filter.type) it.add('m.type = ?', filter.type);
  if (filter.baseModel) it.add('m.base_model = ?', filter.baseModel);
  if (filter.onlyLocal) it.add('m.is_local = ?', true);
  if (filter.ownerId) it.add('m.owner_id = ?', filter.ownerId);
  if (filter.since) it.add('m.listed_at >= ?', filter.since);
  if (filter.until) it.add('m.listed_at < ?', filter.until);
  for (const tagId of [...(filter.tagIds ?? []), ...(filter.tagId ? [filter.tagId] : [])]) {
    const from = 'from model_tag g where g.tag_id = ?';
    await it.addBearers(em, { id: 'm.id', column: 'g.model_id', from, values: [tagId] });
  }
  it.addIfAny(
    (places) => `not exists (select 1 from model_tag n where n.model_id = m.id and n.tag_id in (${places}))`,
    filter.notTagIds,
  );
  for (const permission of filter.permissions ?? []) {
    const by = PERMISSION_SQL[permission];
    if ('column' in by) it.add(by.column);
    else
      await it.addBearers(em, {
        id: 'm.id',
        column: 'u.id',
        from: `from model u where ${allowsUse('u.', by.use)}`,
        values: [],
      });
  }
  if (filter.file) await addFile(em, it, filter.file);
  if (filter.runsOn) {
    const runs = runsCondition(filter.runsOn);
    it.add(runs.sql, ...runs.values);
  }
  if (filter.unseenBy) {
    it.add('not exists (select 1 from seen_model s where s.account_id = ? and s.model_id = m.id)', filter.unseenBy);
  }
  if (filter.ids) it.add(`m.id in (${inList(filter.ids)})`, ...filter.ids);
  if (filter.followedBy) {
    it.add(
      `m.owner_id in (select f.target_id from follow f where f.follower_id = ? and f.state = 'accepted')`,
      filter.followedBy,
    );
  }
  // whoever opens somebody's page wants to see what is there
  const hidden = filter.ownerId ? null : hiddenCondition('model', 'm', eyes);
  if (hidden) it.add(hidden.sql, ...hidden.values);
  return it;
}

/** A published version has a file of this kind. */
async function addFile(
  em: EntityManager,
  it: Conditions,
  { format, bytes }: NonNullable<ModelFilter['file']>,
): Promise<void> {
  const where = [...(format ? ['f.format = ?'] : []), ...(bytes ? ['f.total_bytes >= ? and f.total_bytes < ?'] : [])];
  await it.addBearers(em, {
    id: 'm.id',
    column: 'v.model_id',
    from: `from model_file f join model_version v on v.id = f.version_id and v.state = 'published' where ${where.join(' and ')}`,
    values: [...(format ? [format] : []), ...(bytes ?? [])],
  });
}
