import type Router from '@koa/router';
import { z } from 'zod';
import { contentDisposition } from '../../kit/web/download/file-names.ts';
import { idParam, readQuery } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ApiDeps } from '../deps.ts';
import type { Ask } from '../operation/define.ts';
import { askOf, setCache, takeFromLimit } from '../operation/mount.ts';
import { type AtomFeed, writeAtom } from './atom.ts';
import { loadContestFeed } from './contest-feed.ts';
import { type FeedOf, loadFeed } from './feeds.ts';
import { loadBountyFeed, loadCollectionFeed, loadFilteredFeed, loadHomeFeed } from './list-feeds.ts';
import { type Channel, loadModelList } from './model-list.ts';
import { loadSearchFeed } from './search-feed.ts';
import { drawPreview, loadSidecar } from './sidecars.ts';

type Params = Record<string, string | undefined>;

const CACHE_SECONDS = 300;
/** Beside its place in the list. */
const isFiltered = ({ searchParams }: URL): boolean => [...searchParams.keys()].some((name) => name !== 'cursor');
const FeedQuery = z.object({ cursor: z.string().max(60).optional() });

/** Lists and files in the forms of other programs: Atom, ComfyUI-Manager, and what lies beside a model's file. */
export function channelRoutes(routes: Router<State>, deps: ApiDeps): void {
  type Load = (ask: Ask, cursor: string | undefined, params: Params) => Promise<AtomFeed>;
  const sendAt = (path: string, load: Load) =>
    routes.get(path, async (ctx) => {
      takeFromLimit(ctx, deps);
      const { cursor } = readQuery(ctx, FeedQuery);
      ctx.body = writeAtom(await load(await asVisitor(ctx, deps), cursor, ctx.params));
      ctx.type = 'application/atom+xml; charset=utf-8';
      setCache(ctx, CACHE_SECONDS);
    });

  for (const kind of ['models', 'images'] as const) {
    const feed = (path: string, of: (params: Params) => FeedOf) =>
      sendAt(path, (ask, cursor, params) => loadFeed(ask, kind, of(params), cursor));
    sendAt(`/feeds/${kind}.atom`, (ask, cursor) =>
      isFiltered(ask.url) ? loadFilteredFeed(ask, kind, cursor) : loadFeed(ask, kind, {}, cursor),
    );
    feed(`/feeds/people/:name/${kind}.atom`, ({ name = '' }) => ({ name }));
    feed(`/feeds/tags/:tag/${kind}.atom`, ({ tag = '' }) => ({ tag }));
  }

  for (const scope of ['here', 'known'] as const)
    sendAt(`/feeds/${scope}.atom`, (ask, cursor) => loadHomeFeed(ask, scope, cursor));
  sendAt('/feeds/contests.atom', loadContestFeed);
  sendAt('/feeds/bounties.atom', loadBountyFeed);
  sendAt('/feeds/collections/:id.atom', (ask, _, params) => loadCollectionFeed(ask, idParam({ params })));

  routes.get('/feeds/searches/:key.atom', async (ctx) => {
    takeFromLimit(ctx, deps);
    const { origin } = await askOf(ctx, deps);
    ctx.body = writeAtom(
      await loadSearchFeed(ctx.state.work, ctx.params.key ?? '', { origin, findReach: deps.findReach }),
    );
    ctx.type = 'application/atom+xml; charset=utf-8';
    ctx.set({ 'Cache-Control': 'private, max-age=300', 'X-Robots-Tag': 'noindex' });
  });

  const channel = (path: string, of: (params: Params) => Channel) =>
    routes.get(`/api/comfyui${path}/model-list.json`, async (ctx) => {
      takeFromLimit(ctx, deps);
      ctx.body = await loadModelList(await asVisitor(ctx, deps), of(ctx.params));
      setCache(ctx, CACHE_SECONDS);
    });
  channel('', () => ({ kind: 'all' }));
  channel('/tags/:tag', ({ tag = '' }) => ({ kind: 'tag', name: tag }));
  channel('/collections/:id', (params) => ({ kind: 'collection', id: idParam({ params }) }));

  routes.get('/api/download/sidecars/:id/civitai.info', async (ctx) => {
    takeFromLimit(ctx, deps);
    const { stem, version } = await loadSidecar(await askOf(ctx, deps), ctx.params.id ?? '');
    ctx.set('Content-Disposition', contentDisposition('attachment', `${stem}.civitai.info`));
    ctx.set('Cache-Control', 'private, no-cache');
    ctx.body = JSON.stringify(version, null, 2);
    ctx.type = 'application/json; charset=utf-8';
  });
  routes.get('/api/download/sidecars/:id/preview.png', async (ctx) => {
    takeFromLimit(ctx, deps);
    const { stem, version } = await loadSidecar(await askOf(ctx, deps), ctx.params.id ?? '');
    const png = await drawPreview(ctx.state.work, version);
    ctx.set('Content-Disposition', contentDisposition('attachment', `${stem}.preview.png`));
    ctx.set('Cache-Control', 'private, no-cache');
    ctx.body = png;
    ctx.type = 'image/png';
  });
}

/** What everybody gets, whoever asks: these addresses are handed on, and kept by programs that know no token. */
const asVisitor = async (ctx: Ctx, deps: ApiDeps): Promise<Ask> => ({
  ...(await askOf(ctx, deps)),
  viewer: null,
  eyes: { levels: deps.anonymousLevels, blurLevels: 0 },
});
