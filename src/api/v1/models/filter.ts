import { allowsUse } from '../../../catalogue/commercial-use.ts';
import type { CommercialUse } from '../../../catalogue/types.ts';
import { tagIdsOf } from '../../../discovery/lists/conditions.ts';
import { NO_ENGINE, runsCondition } from '../../../discovery/lists/engine-reach.ts';
import { hiddenCondition } from '../../../gallery/hidden.ts';
import { inList, type Parameter } from '../../../kit/database/sql.ts';
import type { Ask } from '../../operation/define.ts';
import { isFew } from '../count.ts';
import { type Add, addWithoutTags, findByWords, member, ofLevels } from '../narrow.ts';
import { findAccountId } from '../people.ts';
import { type ModelsQuery, SORTS, sinceOf } from './query.ts';
import { GENERATES } from './views.ts';

interface Filter {
  readonly where: string[];
  readonly values: Parameter[];
}

/** Few at a time, so that they are found first. */
const EARLY_MODELS = `select ev.model_id from early_access ea join model_version ev on ev.id = ea.version_id
  where ea.ended_at is null and ev.state = 'published'`;

/** What a model has to be, in SQL over `model m`. */
export async function filterOf(ask: Ask, query: ModelsQuery, levels: number): Promise<Filter> {
  const rated = ofLevels('m', levels);
  const where = ['m.listed_at is not null', rated.sql];
  const values: Parameter[] = [...rated.values];
  const add: Add = (condition, ...given) => {
    where.push(condition);
    values.push(...given);
  };
  const addList = (condition: (places: string) => string, given: readonly (string | number)[] | undefined) => {
    if (given && given.length > 0) add(condition(inList(given)), ...given);
  };
  const since = sinceOf(ask.now(), query.period);
  if (query.scope === 'local') add('m.is_local = ?', true);
  // the figures are those of all time, so that by them a period leaves nothing out, as upstream
  if (since && query.periodMode === 'published') add('m.listed_at >= ?', since);
  if (query.username) add('m.owner_id = ?', await findAccountId(ask, query.username));
  if (query.tag) await addTag(ask, query.tag, add);
  if (query.query) {
    const found = await findByWords(ask.em, 'model', query.query);
    add(`m.id in (${inList(found)})`, ...found);
  }
  // by count, an index of types would find all of a type and sort them: hidden from it, the order is walked instead
  const type = SORTS[query.sort].column === 'listed_at' ? 'm.type' : "(m.type || '')";
  addList((places) => `${type} in (${places})`, query.types ?? (query.type ? [query.type] : undefined));
  if (query.baseModels && query.baseModels.length > 0) await addBaseModels(ask, query.baseModels, add);
  addList((places) => `m.id in (${places})`, query.ids);
  addList(
    (places) => `m.id in (select v.model_id from model_version v where v.state = 'published' and v.id in (${places}))`,
    query.modelVersionIds,
  );
  if (query.collectionId) {
    add(
      `m.id in (select c.model_id from collection_item c join collection k on k.id = c.collection_id
        where k.id = ? and k.visibility = 'public' and k.deleted_at is null)`,
      query.collectionId,
    );
  }
  if (query.checkpointType) {
    const isMerged = `exists (select 1 from lineage l join model_version v on v.id = l.child_id
      where v.model_id = m.id and l.kind = 'merged_from')`;
    add(`m.type = 'Checkpoint' and ${query.checkpointType === 'Merge' ? '' : 'not '}${isMerged}`);
  }
  if (query.supportsGeneration) {
    add(`m.forbids_generation = ? and m.type in (${inList(GENERATES)})`, false, ...GENERATES);
  }
  if (query.fromPlatform) {
    add(
      `exists (select 1 from lineage l join model_version v on v.id = l.child_id
        where v.model_id = m.id and l.kind = 'trained_on_base')`,
    );
  }
  // what is private or archived is not in lists
  if (query.availability === 'Private') add('1 = 0');
  if (query.earlyAccess || query.availability === 'EarlyAccess') add(`m.id in (${EARLY_MODELS})`);
  if (query.availability === 'Public') add(`m.id not in (${EARLY_MODELS})`);
  if (query.allowNoCredit !== undefined) add('m.allow_no_credit = ?', query.allowNoCredit);
  if (query.allowDerivatives !== undefined) add('m.allow_derivatives = ?', query.allowDerivatives);
  if (query.allowDifferentLicense !== undefined) add('m.allow_different_license = ?', query.allowDifferentLicense);
  await addUses(ask, query.allowCommercialUse ?? [], add);
  await addOwn(ask, query, add);
  addPersonal(ask, query, add);
  return { where, values };
}

async function addTag({ em }: Ask, name: string, add: Add): Promise<void> {
  const [tagId = 0] = await tagIdsOf(em, [name.toLowerCase()]);
  const bearers = 'from model_tag g where g.tag_id = ?';
  if (await isFew({ em }, bearers, [tagId])) add(`m.id in (select g.model_id ${bearers})`, tagId);
  else add(`exists (select 1 ${bearers} and g.model_id = m.id)`, tagId);
}

async function addBaseModels({ em }: Ask, names: readonly string[], add: Add): Promise<void> {
  const versions = `from model_version v where v.base_model in (${inList(names)}) and v.state = 'published'`;
  if (await isFew({ em }, versions, names)) add(`m.id in (select v.model_id ${versions})`, ...names);
  else add(`exists (select 1 ${versions} and v.model_id = m.id)`, ...names);
}

/** Any of them: `m."allowCommercialUse" && ARRAY[…]` in civitai/civitai, src/server/services/model.service.ts */
async function addUses({ em }: Ask, uses: readonly CommercialUse[], add: Add): Promise<void> {
  if (uses.length === 0) return;
  const allowing = uses.map((use) => `from model u where ${allowsUse('u.', use)}`);
  const areFew = await Promise.all(allowing.map((from) => isFew({ em }, from, [])));
  if (areFew.every(Boolean)) add(`m.id in (${allowing.map((from) => `select u.id ${from}`).join(' union all ')})`);
  else add(`(${uses.map((use) => allowsUse('m.', use)).join(' or ')})`);
}

/** What the pages of this node narrow by too. */
async function addOwn(ask: Ask, query: ModelsQuery, add: Add): Promise<void> {
  const { em, viewer, deps } = ask;
  if (query.sort === 'Trending') add('m.trend_score is not null');
  await addWithoutTags(em, query.excludeTags, 'model_tag n where n.model_id = m.id', add);
  const { fileFormats: formats = [], minSizeKB, maxSizeKB } = query;
  if (formats.length > 0 || minSizeKB !== undefined || maxSizeKB !== undefined) {
    const where = [
      ...(formats.length > 0 ? [`f.format in (${inList(formats)})`] : []),
      ...(minSizeKB === undefined ? [] : ['f.total_bytes >= ?']),
      ...(maxSizeKB === undefined ? [] : ['f.total_bytes <= ?']),
    ].join(' and ');
    const bytes = [minSizeKB, maxSizeKB].flatMap((size) => (size === undefined ? [] : [size * 1_024]));
    const files = `from model_file f join model_version v on v.id = f.version_id and v.state = 'published' where ${where}`;
    const given = [...formats, ...bytes];
    if (await isFew(ask, files, given)) add(`m.id in (select v.model_id ${files})`, ...given);
    else add(`exists (select 1 ${files} and v.model_id = m.id)`, ...given);
  }
  if (query.runsHere) {
    const runs = runsCondition((await deps.findReach(ask)) ?? NO_ENGINE);
    add(runs.sql, ...runs.values);
  }
  if (query.unseen) {
    const { id } = member(viewer);
    add('not exists (select 1 from seen_model s where s.account_id = ? and s.model_id = m.id)', id);
  }
}

/** Lists of one's own; a token says whose. Throws `unauthenticated`. */
function addPersonal({ viewer, eyes }: Ask, query: ModelsQuery, add: Add) {
  const me = [query.favorites, query.hidden, query.followed].some((value) => value !== undefined)
    ? member(viewer)
    : null;
  if (me && query.favorites) add('m.id in (select r.model_id from reaction r where r.account_id = ?)', me.id);
  if (me && query.followed) {
    add(`m.owner_id in (select f.target_id from follow f where f.follower_id = ? and f.state = 'accepted')`, me.id);
  }
  if (me && query.hidden) add('m.id in (select h.model_id from hidden h where h.account_id = ?)', me.id);
  // whoever names things wants to see them
  const isNamed = query.hidden || query.username || query.ids || query.modelVersionIds;
  const hidden = isNamed ? null : hiddenCondition('model', 'm', eyes);
  if (hidden) add(hidden.sql, ...hidden.values);
}
