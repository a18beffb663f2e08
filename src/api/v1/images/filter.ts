import { seesModel } from '../../../catalogue/access.ts';
import { hiddenCondition } from '../../../gallery/hidden.ts';
import { inList, type Parameter, rows } from '../../../kit/database/sql.ts';
import type { Ask } from '../../operation/define.ts';
import { isFew } from '../count.ts';
import { sinceOf } from '../models/query.ts';
import { type Add, addWithoutTags, findByWords, member, ofLevels } from '../narrow.ts';
import { findAccountId } from '../people.ts';

import type { ImagesQuery } from './query.ts';

export interface Filter {
  readonly where: readonly string[];
  readonly values: readonly Parameter[];
}

/** What an image has to be, in SQL over `image i`. */
export async function filterOf(ask: Ask, query: ImagesQuery, levels: number): Promise<Filter> {
  const rated = ofLevels('i', levels);
  const where = ['i.listed_at is not null', rated.sql];
  const values: Parameter[] = [...rated.values];
  const add: Add = (condition, ...given) => {
    where.push(condition);
    values.push(...given);
  };
  const since = sinceOf(ask.now(), query.period);
  if (query.scope === 'local') add('i.is_local = ?', true);
  if (since) add('i.listed_at >= ?', since);
  if (query.imageId) add('i.id = ?', query.imageId);
  if (query.postId) add('i.post_id = ?', query.postId);
  if (query.modelVersionId || query.modelId) await addMadeWith(ask, query, add);
  if (query.username) add('i.owner_id = ?', await findAccountId(ask, query.username));
  if (query.userId) add('i.owner_id = ?', query.userId);
  if (query.tags && query.tags.length > 0) {
    const bearers = `from post_tag g where g.tag_id in (${inList(query.tags)})`;
    if (await isFew(ask, bearers, query.tags)) add(`i.post_id in (select g.post_id ${bearers})`, ...query.tags);
    else add(`exists (select 1 ${bearers} and g.post_id = i.post_id)`, ...query.tags);
  }
  if (query.baseModels && query.baseModels.length > 0) {
    const uses = `from resource_use r join model_version v on v.id = r.version_id where v.base_model in (${inList(query.baseModels)})`;
    if (await isFew(ask, uses, query.baseModels)) add(`i.id in (select r.image_id ${uses})`, ...query.baseModels);
    else add(`exists (select 1 ${uses} and r.image_id = i.id)`, ...query.baseModels);
  }
  // there are only pictures here
  if (query.type !== undefined && query.type !== 'image') add('1 = 0');
  if (query.requiringMeta) add('i.has_recipe = ? and i.is_recipe_hidden = ?', true, false);
  await addOwn(ask, query, add);
  const isNamed = query.username || query.userId || query.imageId || query.postId;
  const hidden = isNamed ? null : hiddenCondition('image', 'i', ask.eyes);
  if (hidden) add(hidden.sql, ...hidden.values);
  return { where, values };
}

/** What the pages of this node narrow by too. */
async function addOwn({ em, viewer }: Ask, query: ImagesQuery, add: Add): Promise<void> {
  if (query.sort === 'Trending') add('i.trend_score is not null');
  if (query.query) {
    const found = await findByWords(em, 'image', query.query);
    add(`i.id in (${inList(found)})`, ...found);
  }
  await addWithoutTags(em, query.excludeTags, 'post_tag n where n.post_id = i.post_id', add);
  if (query.unseen) {
    const { id } = member(viewer);
    add('not exists (select 1 from seen_image s where s.account_id = ? and s.image_id = i.id)', id);
  }
}

/** That pictures were made with something is not told to whom it is not for. */
async function addMadeWith({ em, viewer }: Ask, query: ImagesQuery, add: Add): Promise<void> {
  const versionId = query.modelVersionId;
  const [version] = versionId
    ? await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [versionId])
    : [];
  const modelId = versionId ? (version?.model_id ?? 0) : (query.modelId ?? 0);
  if (!(await seesModel(em, viewer, modelId))) return add('1 = 0');
  const uses = `from resource_use r where r.${versionId ? 'version_id' : 'model_id'} = ?`;
  const id = versionId ?? modelId;
  if (await isFew({ em }, uses, [id])) add(`i.id in (select r.image_id ${uses})`, id);
  else add(`exists (select 1 ${uses} and r.image_id = i.id)`, id);
}
