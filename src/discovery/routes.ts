import Router from '@koa/router';
import { anyone, membersOnly } from '../accounts/access/guard.ts';
import { meantTags } from '../catalogue/tags.ts';
import type { FindSilence, PeerSilence } from '../gallery/deps.ts';
import { seeModel } from '../gallery/seen/see.ts';
import { idParam, readQuery } from '../kit/web/forms.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { State } from '../kit/web/state.ts';
import { type PageHead, view } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import type { ModelCardView, TileView } from './cards.ts';
import { type CollectionPage, CollectionQuery, loadCollectionPage } from './collection.ts';
import { FeedQuery, type HomePage, loadHomePage } from './home.ts';
import type { FindEngineReach } from './lists/engine-reach.ts';
import type { ListPage } from './lists/form.ts';
import { ImagesQuery, loadImagesPage } from './lists/images.ts';
import { loadModelsPage, ModelsQuery } from './lists/models.ts';
import type { ListCopies } from './model/files.ts';
import { loadModelPage, ModelQuery } from './model/page.ts';
import type { ModelPage } from './model/props.ts';
import { loadVersionUrl } from './model/version-url.ts';
import { loadProfilePage, type ProfilePage, ProfileQuery, readHandle } from './profile.ts';
import { loadRemixesPage, type RemixesPage, RemixesQuery } from './remixes.ts';
import { savedRoutes } from './saved/routes.ts';
import { type LookUp, loadSearchPage, type SearchPage, SearchQuery } from './search.ts';
import { loadSimilarPage, type SimilarPage, SimilarQuery } from './similar/page.ts';
import { statisticsRoutes } from './statistics/routes.ts';
import { PeopleQuery, type SuggestedPeople, suggestForMention } from './suggest/people.ts';
import { loadSuggestions, type Suggestions, SuggestQuery } from './suggest/suggest.ts';
import { loadTagPage, type TagPage, TagQuery } from './tag-page.ts';
import { type TrendPage, trendPageProps } from './trend/page.ts';

const homePage = view<HomePage & Unfinished>('discovery/home');
const modelsPage = view<Listed<ModelCardView>>('discovery/models');
const modelPage = view<ModelPage & Silent & Federates>('discovery/model');
const imagesPage = view<Listed<TileView>>('discovery/images');
const searchPage = view<SearchPage>('discovery/search');
const profilePage = view<ProfilePage & Silent & Arriving>('discovery/profile');
const tagPage = view<TagPage & Federates>('discovery/tag');

const similarPage = view<SimilarPage>('discovery/similar');
const remixesPage = view<RemixesPage>('discovery/remixes');
const suggestPart = view<Suggestions>('discovery/suggest');
const peoplePart = view<SuggestedPeople>('discovery/suggest-people');
const trendPage = view<TrendPage>('discovery/trend');
const collectionPage = view<CollectionPage & Federates>('discovery/collection');

interface Listed<Item> {
  readonly list: Omit<ListPage<Item>, 'page'>;
  readonly page: PageHead;
}

/** Whether people of other servers can follow what is here. */
interface Federates {
  readonly federates: boolean;
}

interface Unfinished {
  /** What the node still needs of whoever may set it; 0 for everybody else. */
  readonly missing: number;
}

interface Silent {
  readonly silence: PeerSilence | null;
}

interface Arriving {
  /** Where the page looks again while what this person made is on its way from elsewhere; '' when it is not. */
  readonly arrivingUrl: string;
}

export interface DiscoveryDeps {
  readonly limits: RateLimits;
  /** Null where the node does not federate. */
  readonly lookUp: LookUp | null;
  readonly listCopies: ListCopies | null;
  readonly findSilence: FindSilence;
  /** What the engine of this node can load. */
  readonly findReach: FindEngineReach;
  /** How much is left of the owner's list. */
  readonly countMissing: (work: Work) => Promise<number>;
  /** Are the things of this account of elsewhere being read? */
  readonly isArriving: (work: Work, accountId: number) => Promise<boolean>;
}

export const SIMILARS = { name: 'similar', max: 120, perMs: 60_000 };
/** A word is typed letter by letter. */
const SUGGESTIONS = { name: 'suggest', max: 600, perMs: 60_000 };
const MENTIONS = { name: 'mentions', max: 300, perMs: 60_000 };
const SEARCHES = { name: 'search', max: 120, perMs: 60_000 };

/** Lists that anyone may read; what each sees depends on their ratings. */
export function discoveryRoutes(deps: DiscoveryDeps): Router<State> {
  const { limits, lookUp, listCopies, findSilence, isArriving } = deps;
  const routes = new Router<State>();
  const federates = lookUp !== null;
  routes.get('/', async (ctx) => {
    const home = await loadHomePage(ctx.state.work, readQuery(ctx, FeedQuery));
    homePage(ctx, { ...home, missing: await deps.countMissing(ctx.state.work) });
  });
  routes.get('/models', async (ctx) => {
    const reach = await deps.findReach(ctx.state.work);
    const { page, ...list } = await loadModelsPage(ctx.state.work, readQuery(ctx, ModelsQuery), reach);
    modelsPage(ctx, { list, page });
  });
  // federation answers the same address as JSON, before this
  routes.get('/models/:id{/:slug}', async (ctx) => {
    const model = await loadModelPage(ctx.state.work, idParam(ctx), readQuery(ctx, ModelQuery), listCopies);
    await seeModel(ctx.state.work, model.id);
    modelPage(ctx, { ...model, federates, silence: await findSilence(ctx.state.work, model.owner.host) });
  });
  routes.get('/versions/:id', async (ctx) => {
    ctx.redirect(await loadVersionUrl(ctx.state.work, idParam(ctx)));
  });
  routes.get('/images', async (ctx) => {
    const { page, ...list } = await loadImagesPage(ctx.state.work, readQuery(ctx, ImagesQuery));
    imagesPage(ctx, { list, page });
  });
  routes.get('/images/:id/similar', anyone, async (ctx) => {
    limits.take(ctx, SIMILARS);
    similarPage(ctx, await loadSimilarPage(ctx.state.work, idParam(ctx), readQuery(ctx, SimilarQuery)));
  });
  routes.get('/images/:id/remixes', anyone, async (ctx) => {
    limits.take(ctx, SIMILARS);
    remixesPage(ctx, await loadRemixesPage(ctx.state.work, idParam(ctx), readQuery(ctx, RemixesQuery)));
  });
  routes.get('/about/trending', anyone, (ctx) => trendPage(ctx, trendPageProps()));
  routes.get('/tags/:tag', async (ctx) => {
    const name = (ctx.params.tag ?? '').toLowerCase();
    const [meant = name] = await meantTags(ctx.state.work.em, [name]);
    if (meant !== name) return ctx.redirect(`/tags/${encodeURIComponent(meant)}${ctx.search}`);
    const props = await loadTagPage(ctx.state.work, ctx.params.tag ?? '', readQuery(ctx, TagQuery));
    tagPage(ctx, { ...props, federates });
  });
  routes.get('/collections/:id', async (ctx, next) => {
    // the forms of collections stand beside them
    if (!/^\d+$/.test(ctx.params.id ?? '')) return next();
    const props = await loadCollectionPage(ctx.state.work, idParam(ctx), readQuery(ctx, CollectionQuery));
    collectionPage(ctx, { ...props, federates });
  });
  routes.get('/search', async (ctx) => {
    limits.take(ctx, SEARCHES);
    // what a browser fetches before anybody asked for it is no question either
    const isAsked = !ctx.get('sec-purpose').includes('prefetch');
    const query = readQuery(ctx, SearchQuery);
    const found = lookUp && (await lookUp(ctx.state.work, query.q, isAsked));
    if (found && 'path' in found && isAsked) return ctx.redirect(found.path);
    const reach = query.kind === 'models' ? await deps.findReach(ctx.state.work) : null;
    searchPage(ctx, await loadSearchPage(ctx.state.work, query, found, reach));
  });
  savedRoutes(routes);
  statisticsRoutes(routes, limits);
  routes.get('/suggest', anyone, async (ctx) => {
    limits.take(ctx, SUGGESTIONS);
    ctx.set('Cache-Control', 'private, max-age=30');
    suggestPart(ctx, await loadSuggestions(ctx.state.work, readQuery(ctx, SuggestQuery), lookUp));
  });
  routes.get('/suggest/people', membersOnly, async (ctx) => {
    limits.take(ctx, MENTIONS);
    ctx.set('Cache-Control', 'private, max-age=30');
    peoplePart(ctx, await suggestForMention(ctx.state.work, readQuery(ctx, PeopleQuery)));
  });
  routes.get('/:handle', async (ctx, next) => {
    const handle = readHandle(ctx.params.handle ?? '');
    if (!handle) return next();
    const query = readQuery(ctx, ProfileQuery);
    const profile = await loadProfilePage(ctx.state.work, handle, query, lookUp !== null);
    const { host, id } = profile.profile;
    const isOnItsWay = ctx.state.work.viewer !== null && host !== '' && (await isArriving(ctx.state.work, id));
    const silence = await findSilence(ctx.state.work, host);
    profilePage(ctx, { ...profile, silence, arrivingUrl: isOnItsWay ? ctx.url : '' });
  });
  return routes;
}
