import { z } from 'zod';
import { COMMERCIAL_USES, MODEL_TYPES } from '../../../catalogue/types.ts';
import { readCursor, writeCursor } from '../../../discovery/cards.ts';
import { searchIndexOf } from '../../../discovery/index/search-index.ts';
import { searchWords } from '../../../discovery/index/terms.ts';
import { hiddenCondition } from '../../../gallery/hidden.ts';
import { inList, type Parameter, rows } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Viewer } from '../../../kit/work.ts';
import { ALL_LEVELS, RATING } from '../../../safety/ratings.ts';
import type { Ask } from '../../operation/define.ts';
import { countUpTo, isFew } from '../count.ts';
import { type Metadata, malformedCursor, narrowing, pageMetadata, placeOf } from '../paging.ts';
import { findAccountId } from '../people.ts';
import { flag, id, ids, list, scope, text, whole } from '../query.ts';
import type { Model } from '../shapes.ts';
import { GENERATES, loadModels } from './views.ts';

const SORTS = {
  'Highest Rated': { column: 'thumbs_up_count', order: 'desc' },
  'Most Downloaded': { column: 'download_count', order: 'desc' },
  'Most Liked': { column: 'thumbs_up_count', order: 'desc' },
  'Most Discussed': { column: 'comment_count', order: 'desc' },
  'Most Collected': { column: 'collect_count', order: 'desc' },
  'Most Images': { column: 'image_count', order: 'desc' },
  Newest: { column: 'listed_at', order: 'desc' },
  Oldest: { column: 'listed_at', order: 'asc' },
} as const;
type Sort = keyof typeof SORTS;
const MODEL_SORTS = Object.keys(SORTS) as [Sort, ...Sort[]];

const PERIODS = { AllTime: null, Year: 365, Month: 30, Week: 7, Day: 1 } as const;
export const period = z.enum(Object.keys(PERIODS) as [keyof typeof PERIODS]).default('AllTime');
/** When a period began; null for that of all time. */
export const sinceOf = (now: Date, name: keyof typeof PERIODS): Date | null =>
  PERIODS[name] === null ? null : new Date(now.getTime() - PERIODS[name] * 86_400_000);

const MOST_MODELS = 100;

export const ModelsQuery = z.object({
  limit: whole(0, MOST_MODELS),
  page: whole(1, 1_000_000),
  cursor: text(60),
  query: text(),
  tag: text(60),
  username: text(320),
  types: list(z.enum(MODEL_TYPES)),
  baseModels: list(z.string().max(60)),
  checkpointType: z.enum(['Trained', 'Merge']).optional(),
  sort: z.enum(MODEL_SORTS).default('Highest Rated'),
  period,
  periodMode: z.enum(['published', 'stats']).default('published'),
  /** Taken and without effect: there are thumbs here and no stars. */
  rating: whole(0, 5),
  ids: ids(),
  modelVersionIds: ids(),
  /** Absent or false is PG alone; true is everything that whoever asks may be given. */
  nsfw: flag(),
  primaryFileOnly: flag(),
  supportsGeneration: flag(),
  fromPlatform: flag(),
  earlyAccess: flag(),
  archived: flag(),
  availability: z.enum(['Public', 'Private', 'EarlyAccess']).optional(),
  allowNoCredit: flag(),
  allowDerivatives: flag(),
  allowDifferentLicense: flag(),
  allowCommercialUse: list(z.enum(COMMERCIAL_USES)),
  favorites: flag(),
  hidden: flag(),
  followed: flag(),
  collectionId: id,
  scope,
  // by other names, of the extension of A1111
  type: z.enum(MODEL_TYPES).optional(),
  pageSize: whole(1, MOST_MODELS),
});
export type ModelsQuery = z.output<typeof ModelsQuery>;

export interface ModelList {
  readonly items: Model[];
  readonly metadata: Metadata;
}

/** The page of ids by one indexed query, then what their models show. */
export async function listModels(ask: Ask, query: ModelsQuery): Promise<ModelList> {
  const place = placeOf({ ...query, limit: query.limit ?? query.pageSize ?? MOST_MODELS });
  const asked = query.nsfw ? ALL_LEVELS : RATING.pg;
  const levels = asked & ask.eyes.levels;
  const filter = await filterOf(ask, query, levels);
  const { column, order } = SORTS[query.sort];
  const where = [...filter.where];
  const values = [...filter.values];
  if (place.cursor !== null) {
    const after = readCursor(place.cursor);
    if (!after) throw malformedCursor();
    where.push(`(m.${column}, m.id) ${order === 'desc' ? '<' : '>'} (?, ?)`);
    values.push(column === 'listed_at' ? new Date(after.value) : after.value, after.id);
  }
  const [found, total] = await Promise.all([
    rows<{ id: number; value: unknown }>(
      ask.em,
      `select m.id, m.${column} as value from model m where ${where.join(' and ')}
       order by m.${column} ${order}, m.id ${order} limit ? offset ?`,
      [...values, place.limit + 1, place.offset],
    ),
    place.page === null ? null : countUpTo(ask, `from model m where ${filter.where.join(' and ')}`, filter.values),
  ]);
  const shown = found.slice(0, place.limit);
  const last = found.length > place.limit ? shown.at(-1) : undefined;
  const sort = column === 'listed_at' ? 'newest' : 'likes';
  return {
    items: await loadModels(
      ask,
      shown.map(({ id: modelId }) => modelId),
      { levels, primaryFileOnly: query.primaryFileOnly },
    ),
    metadata: {
      ...pageMetadata(ask.url, place, { nextCursor: last ? writeCursor(sort, last.value, last.id) : null, total }),
      ...narrowing(asked, ask.eyes.levels),
    },
  };
}

interface Filter {
  readonly where: string[];
  readonly values: Parameter[];
}

const MOST_FOUND = 400;

async function filterOf(ask: Ask, query: ModelsQuery, levels: number): Promise<Filter> {
  const where = ['m.listed_at is not null', '(m.level & ?) <> 0'];
  const values: Parameter[] = [levels];
  const add = (condition: string, ...given: Parameter[]) => {
    where.push(condition);
    values.push(...given);
  };
  const addList = (condition: (places: string) => string, given: readonly (string | number)[] | undefined) => {
    if (given && given.length > 0) add(condition(inList(given)), ...given);
  };
  const since = sinceOf(ask.now(), query.period);
  if (query.scope === 'local') add('m.is_local = ?', true);
  if (since) add('m.listed_at >= ?', since);
  if (query.username) add('m.owner_id = ?', await findAccountId(ask, query.username));
  if (query.tag) await addTag(ask, query.tag, add);
  if (query.query) {
    const words = searchWords(query.query);
    const found = words.length === 0 ? [] : await searchIndexOf(ask.em).find(ask.em, 'model', words, MOST_FOUND);
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
  // nothing is here that waits for payment, and what is archived is not in lists
  if (query.earlyAccess || query.availability === 'EarlyAccess' || query.availability === 'Private') add('1 = 0');
  if (query.allowNoCredit !== undefined) add('m.allow_no_credit = ?', query.allowNoCredit);
  if (query.allowDerivatives !== undefined) add('m.allow_derivatives = ?', query.allowDerivatives);
  if (query.allowDifferentLicense !== undefined) add('m.allow_different_license = ?', query.allowDifferentLicense);
  for (const use of query.allowCommercialUse ?? []) add('cast(m.allow_commercial_use as text) like ?', `%"${use}"%`);
  addPersonal(ask, query, add);
  return { where, values };
}

type Add = (condition: string, ...given: Parameter[]) => void;

async function addTag({ em }: Ask, name: string, add: Add): Promise<void> {
  const [tag] = await rows<{ id: number }>(em, 'select id from tag where name = ?', [name.toLowerCase()]);
  const tagId = tag?.id ?? 0;
  const bearers = 'from model_tag g where g.tag_id = ?';
  if (await isFew({ em }, bearers, [tagId])) add(`m.id in (select g.model_id ${bearers})`, tagId);
  else add(`exists (select 1 ${bearers} and g.model_id = m.id)`, tagId);
}

async function addBaseModels({ em }: Ask, names: readonly string[], add: Add): Promise<void> {
  const versions = `from model_version v where v.base_model in (${inList(names)}) and v.state = 'published'`;
  if (await isFew({ em }, versions, names)) add(`m.id in (select v.model_id ${versions})`, ...names);
  else add(`exists (select 1 ${versions} and v.model_id = m.id)`, ...names);
}

/** Lists of one's own; a token says whose. Throws `unauthenticated`. */
function addPersonal(
  { viewer, eyes }: Ask,
  query: ModelsQuery,
  add: (condition: string, ...given: Parameter[]) => void,
) {
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

function member(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Unauthorized');
  return viewer;
}
