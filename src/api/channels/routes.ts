import type Router from '@koa/router';
import { z } from 'zod';
import { contentDisposition } from '../../kit/web/download/file-names.ts';
import { idParam, readQuery } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ApiDeps } from '../deps.ts';
import type { Ask } from '../operation/define.ts';
import { askOf, setCache, takeFromLimit } from '../operation/mount.ts';
import { writeAtom } from './atom.ts';
import { loadContestFeed } from './contest-feed.ts';
import { type FeedKind, type FeedOf, loadFeed } from './feeds.ts';
import { type Channel, loadModelList } from './model-list.ts';
import { loadSearchFeed } from './search-feed.ts';
import { drawPreview, loadSidecar } from './sidecars.ts';

type Params = Record<string, string | undefined>;

const CACHE_SECONDS = 300;
const FeedQuery = z.object({ cursor: z.string().max(60).optional() });

/** Lists and files in the forms of other programs: Atom, ComfyUI-Manager, and what lies beside a model's file. */
export function channelRoutes(routes: Router<State>, deps: ApiDeps): void {
  for (const kind of ['models', 'images'] as const) {
    const feed = (path: string, of: (params: Params) => FeedOf) =>
      routes.get(path, async (ctx) => sendFeed(ctx, deps, kind, of(ctx.params)));
    feed(`/feeds/${kind}.atom`, () => ({}));
    feed(`/feeds/people/:name/${kind}.atom`, ({ name = '' }) => ({ name }));
    feed(`/feeds/tags/:tag/${kind}.atom`, ({ tag = '' }) => ({ tag }));
  }

  routes.get('/feeds/contests.atom', async (ctx) => {
    takeFromLimit(ctx, deps);
    ctx.body = writeAtom(await loadContestFeed(await asVisitor(ctx, deps)));
    ctx.type = 'application/atom+xml; charset=utf-8';
    setCache(ctx, CACHE_SECONDS);
  });

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

async function sendFeed(ctx: Ctx, deps: ApiDeps, kind: FeedKind, of: FeedOf): Promise<void> {
  takeFromLimit(ctx, deps);
  const { cursor } = readQuery(ctx, FeedQuery);
  ctx.body = writeAtom(await loadFeed(await asVisitor(ctx, deps), kind, of, cursor));
  ctx.type = 'application/atom+xml; charset=utf-8';
  setCache(ctx, CACHE_SECONDS);
}
