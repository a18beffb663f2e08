import Router from '@koa/router';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { anyone } from '../access/guard.ts';
import type { AccountDeps } from '../deps.ts';
import { type NodeSettings, nodeSettings } from '../node-settings.ts';

const offlinePage = view<object>('accounts/offline');

/** What the node is as an app on a phone (W3C Web App Manifest, Web Share Target): everybody. */
export function appRoutes({ settings }: Pick<AccountDeps, 'settings'>): Router<State> {
  const routes = new Router<State>();

  routes.get('/app.webmanifest', anyone, async (ctx) => {
    ctx.body = JSON.stringify(manifestOf(await settings.read(ctx.state.work.em, nodeSettings)));
    ctx.type = 'application/manifest+json';
    ctx.set('Cache-Control', 'public, max-age=3600');
  });

  // kept by the service worker, for when the node is not reached
  routes.get('/offline', anyone, (ctx) => offlinePage(ctx, { page: { title: t('offline.title'), noindex: true } }));

  return routes;
}

const GROUND = '#151311';
const icon = (path: string, sizes: string, more: object = {}) => ({ src: `/assets/img/${path}`, sizes, ...more });
const PICTURES = ['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/gif'];

const manifestOf = ({ name, description }: Pick<NodeSettings, 'name' | 'description'>) => ({
  ...{ id: '/', name, short_name: name.slice(0, 30), description, lang: 'en' },
  ...{ start_url: '/', scope: '/', display: 'standalone', background_color: GROUND, theme_color: GROUND },
  icons: [
    icon('mark.svg', 'any', { type: 'image/svg+xml' }),
    icon('mark-192.png', '192x192', { type: 'image/png' }),
    icon('mark-512.png', '512x512', { type: 'image/png' }),
    icon('mark-512.png', '512x512', { type: 'image/png', purpose: 'maskable' }),
  ],
  shortcuts: [
    { name: t('nav.upload'), url: '/upload/images' },
    { name: t('nav.generate'), url: '/generate' },
    { name: t('notifications.title'), url: '/notifications' },
  ],
  // taken by the service worker (sw.js), which hands the pictures to the upload page
  share_target: {
    ...{ action: '/share', method: 'POST', enctype: 'multipart/form-data' },
    params: { title: 'title', text: 'text', files: [{ name: 'files', accept: PICTURES }] },
  },
});
