import { z } from 'zod';
import { HideForm, hideThing, listHidden, showAgain } from '../../../catalogue/hidden/hide.ts';
import { SIMILARS } from '../../../discovery/routes.ts';
import { SAVED_KINDS } from '../../../discovery/saved/model.ts';
import {
  listSearches,
  removeSearch,
  renewFeed,
  SavedForm,
  saveSearch,
  tellOfSearch,
} from '../../../discovery/saved/search.ts';
import { listSimilarIds, WAYS } from '../../../discovery/similar/page.ts';
import { loadStatistics, StatisticsQuery } from '../../../discovery/statistics/page.ts';
import { suggestForMention } from '../../../discovery/suggest/people.ts';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { loadItems } from '../images/items.ts';
import { ImagesQuery } from '../images/query.ts';
import { ById, ByUuid, flag, id, whole } from '../query.ts';
import { ImageItem } from '../shapes.ts';
import { Done, done } from '../write/said.ts';

const group = 'Finding and hiding';
const scope = 'write:social';

const Search = z.object({
  id: z.uuid(),
  name: z.string(),
  kind: z.enum(SAVED_KINDS),
  /** Its filters in words. */
  filters: z.array(z.string()),
  told: z.boolean(),
  newCount: z.int(),
  /** Whoever has it may read it. */
  feedUrl: z.url(),
});

async function loadSearch(ask: OwnAsk, searchId: string): Promise<z.output<typeof Search>> {
  const found = (await searches(ask)).find((search) => search.id === searchId);
  if (!found) throw new AppError('not_found', 'There is no such search.');
  return found;
}

const searches = async (ask: OwnAsk): Promise<z.output<typeof Search>[]> =>
  (await listSearches(ask)).map(({ id, name, kind, labels, isTold, newCount, feedUrl }) => ({
    ...{ id, name, kind, filters: [...labels], told: isTold, newCount },
    feedUrl: new URL(feedUrl, ask.origin).href,
  }));

const SEARCH_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/searches', name: 'listSearches', group, scope: 'read' },
    summary: 'Saved searches of one’s own, the newest first.',
    answer: z.object({ items: z.array(Search) }),
    run: async (ask) => ({ items: await searches(ask) }),
  }),
  defineOwn({
    ...{ method: 'post', path: '/searches', name: 'saveSearch', group, scope, status: 201, once: true },
    summary: 'Saves a search: `query` is what stands after the ? of /models or /images.',
    body: z.strictObject({
      name: z.string().min(1).max(80),
      kind: z.enum(SAVED_KINDS),
      query: z.string().max(4_000),
      told: z.boolean().default(true),
    }),
    answer: Search,
    run: async (ask, { body: { told, ...form } }) => {
      const saved = await saveSearch(ask, checkForm({ ...form, ...(told ? { told: '1' } : {}) }, SavedForm));
      return loadSearch(ask, saved.id);
    },
  }),
  defineOwn({
    ...{ method: 'patch', path: '/searches/:id', name: 'editSearch', group, scope },
    summary: 'Whether one is told of what is new in it.',
    ...{ params: ByUuid, body: z.strictObject({ told: z.boolean() }), answer: Search },
    run: async (ask, { params, body }) => {
      await tellOfSearch(ask, params.id, body.told);
      return loadSearch(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/searches/:id/feed', name: 'renewSearchFeed', group, scope },
    summary: 'Gives its feed another address; whoever had the one before reads it no more.',
    ...{ params: ByUuid, answer: Search },
    run: async (ask, { params }) => {
      await renewFeed(ask, params.id);
      return loadSearch(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/searches/:id', name: 'deleteSearch', group, scope },
    summary: 'Forgets a saved search.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await removeSearch(ask, params.id);
      return done;
    },
  }),
];

const HIDDEN_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/hidden', name: 'listHidden', group, scope: 'read' },
    summary: 'Tags, models and servers that one keeps out of one’s lists.',
    answer: z.object({
      items: z.array(z.object({ id: z.uuid(), kind: z.enum(['tag', 'model', 'domain']), label: z.string() })),
    }),
    run: async (ask) => ({ items: (await listHidden(ask)).map(({ id, kind, label }) => ({ id, kind, label })) }),
  }),
  defineOwn({
    ...{ method: 'post', path: '/hidden', name: 'hide', group, scope },
    summary: 'Keeps a tag (by name), a model (by id) or a server (by host) out of one’s lists. Again is the same.',
    body: z.strictObject({ kind: z.enum(['tag', 'model', 'domain']), key: z.string().min(1).max(253) }),
    answer: Done,
    run: async (ask, { body }) => {
      await hideThing(ask, checkForm(body, HideForm));
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/hidden/:id', name: 'showAgain', group, scope },
    summary: 'Shows it again.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      if (!(await listHidden(ask)).some((one) => one.id === params.id))
        throw new AppError('not_found', 'This is not hidden.');
      await showAgain(ask, params.id);
      return done;
    },
  }),
];

const Figures = z.object({
  ...{ downloads: z.int(), generations: z.int(), pictures: z.int(), likes: z.int() },
  /** Of one model both are 0. */
  ...{ remixes: z.int(), followers: z.int() },
});

export const FINDING_OPERATIONS: readonly Operation[] = [
  ...SEARCH_OPERATIONS,
  ...HIDDEN_OPERATIONS,
  defineOwn({
    ...{ method: 'get', path: '/images/:id/similar', name: 'listSimilarImages', group, scope: 'read' },
    summary: 'Up to sixty pictures that look like one, or that were made with the same models, the nearest first.',
    ...{ params: ById, query: z.object({ by: z.enum(WAYS).default('look'), withMeta: flag() }) },
    answer: z.object({ items: z.array(ImageItem) }),
    run: async (ask, { params, query: { by, withMeta } }) => {
      ask.take(SIMILARS);
      const found = await listSimilarIds(ask, ask.eyes, params.id, by);
      return { items: await loadItems(ask, found, { ...ImagesQuery.parse({}), withMeta }) };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/people/suggestions', name: 'suggestPeople', group, scope: 'read' },
    summary: 'Whom a mention that is being typed may mean: a name, or a name and the beginning of its host.',
    query: z.object({ query: z.string().trim().max(320).default('') }),
    answer: z.object({ items: z.array(z.object({ handle: z.string(), label: z.string(), url: z.url() })) }),
    run: async (ask, { query }) => ({
      items: (await suggestForMention(ask, { q: query.query })).people.map(({ handle, label, url }) => ({
        ...{ handle, label, url: new URL(url, ask.origin).href },
      })),
    }),
  }),
  defineOwn({
    ...{ method: 'get', path: '/me/statistics', name: 'getStatistics', group, scope: 'read' },
    summary: 'What came of one’s work by day (by week over 100 days): of everything, or of one model.',
    query: z.object({ days: whole(30, 365), modelId: id }),
    answer: z.object({
      total: Figures,
      followers: z.int(),
      byWeek: z.boolean(),
      /** `followersInAll` is null of days on which they were not counted. */
      rows: z.array(z.object({ day: z.iso.date(), figures: Figures, followersInAll: z.int().nullable() })),
      models: z.array(z.object({ name: z.string(), url: z.url(), figures: Figures })),
    }),
    run: async (ask, { query: { days, modelId } }) => {
      const page = await loadStatistics(ask, StatisticsQuery.parse({ days, model: modelId }));
      return {
        ...{ total: page.total, followers: page.followersNow, byWeek: page.isByWeek },
        rows: page.rows.map(({ label, figures, followersInAll }) => ({ day: label, figures, followersInAll })),
        models: page.models.map(({ name, url, figures }) => ({ name, url: new URL(url, ask.origin).href, figures })),
      };
    },
  }),
];
