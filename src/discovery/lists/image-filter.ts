import type { EntityManager } from '@mikro-orm/core';
import { accessParameters, POST_AUDIENCE } from '../../gallery/access.ts';
import { hiddenCondition } from '../../gallery/hidden.ts';
import { IS_REMIX } from '../../gallery/pages/remixes.ts';
import type { Eyes } from '../../gallery/views.ts';
import { inList } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { notDelistedSql } from '../../safety/standing.ts';
import { Conditions } from './conditions.ts';

export interface ImageFilter {
  readonly ownerId?: number | undefined;
  /** Made with any version of this model. */
  readonly modelId?: number | undefined;
  readonly versionId?: number | undefined;
  readonly tagId?: number | undefined;
  /** All of them. */
  readonly tagIds?: readonly number[] | undefined;
  /** None of them. */
  readonly notTagIds?: readonly number[] | undefined;
  /** It says how it was made. */
  readonly hasRecipe?: boolean | undefined;
  /** Only what this account has not opened. */
  readonly unseenBy?: number | undefined;
  readonly since?: Date | undefined;
  /** Only what was listed before. */
  readonly until?: Date | undefined;
  readonly onlyLocal?: boolean | undefined;
  readonly followedBy?: number | undefined;
  readonly baseModel?: string | undefined;
  /** Others' remixes of this picture. */
  readonly remixOf?: number | undefined;
  readonly ids?: readonly number[] | undefined;
  /** Beside what is public, what is for this viewer and not sent to named people alone; without it, what is public. */
  readonly shownTo?: Viewer | null | undefined;
}

/** Of rows `image i`. */
export async function imageConditions(em: EntityManager, eyes: Eyes, filter: ImageFilter): Promise<Conditions> {
  const it = new Conditions();
  it.add(filter.shownTo === undefined ? 'i.listed_at is not null' : 'i.shown_at is not null');
  it.add('(i.level & ?) <> 0', eyes.levels);
  if (filter.shownTo !== undefined) {
    it.add(
      `(i.listed_at is not null or exists (select 1 from post p where p.id = i.post_id and p.visibility <> 'direct'
        and ${POST_AUDIENCE} and ${notDelistedSql('image', 'i.id', 'i.owner_id')}
        and ${notDelistedSql('post', 'p.id', 'p.owner_id')}))`,
      ...accessParameters(filter.shownTo),
    );
  }
  const madeWith = filter.versionId ?? filter.modelId;
  if (madeWith) {
    const from = `from resource_use r where r.${filter.versionId ? 'version_id' : 'model_id'} = ?`;
    await it.addBearers(em, { id: 'i.id', column: 'r.image_id', from, values: [madeWith] });
  }
  if (filter.ownerId) it.add('i.owner_id = ?', filter.ownerId);
  if (filter.onlyLocal) it.add('i.is_local = ?', true);
  if (filter.since) it.add('i.listed_at >= ?', filter.since);
  if (filter.until) it.add('i.listed_at < ?', filter.until);
  for (const tagId of [...(filter.tagIds ?? []), ...(filter.tagId ? [filter.tagId] : [])]) {
    const from = 'from post_tag g where g.tag_id = ?';
    await it.addBearers(em, { id: 'i.post_id', column: 'g.post_id', from, values: [tagId] });
  }
  it.addIfAny(
    (places) => `not exists (select 1 from post_tag n where n.post_id = i.post_id and n.tag_id in (${places}))`,
    filter.notTagIds,
  );
  if (filter.hasRecipe) it.add('i.has_recipe = ? and i.is_recipe_hidden = ?', true, false);
  if (filter.unseenBy) {
    it.add('not exists (select 1 from seen_image s where s.account_id = ? and s.image_id = i.id)', filter.unseenBy);
  }
  if (filter.remixOf) it.add(IS_REMIX, filter.remixOf, eyes.levels);
  if (filter.ids) it.add(`i.id in (${inList(filter.ids)})`, ...filter.ids);
  if (filter.baseModel) {
    const from = 'from resource_use r join model_version v on v.id = r.version_id where v.base_model = ?';
    await it.addBearers(em, { id: 'i.id', column: 'r.image_id', from, values: [filter.baseModel] });
  }
  if (filter.followedBy) {
    it.add(
      `i.owner_id in (select f.target_id from follow f where f.follower_id = ? and f.state = 'accepted')`,
      filter.followedBy,
    );
  }
  // whoever opens somebody's page wants to see what is there
  const hidden = filter.ownerId ? null : hiddenCondition('image', 'i', eyes);
  if (hidden) it.add(hidden.sql, ...hidden.values);
  return it;
}
