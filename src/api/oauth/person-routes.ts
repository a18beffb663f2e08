import type Router from '@koa/router';
import { browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { settingsPage } from '../../accounts/settings-page.ts';
import { readRawForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type PageHead, view } from '../../kit/web/views.ts';
import type { ApiDeps } from '../deps.ts';
import { type AppView, disconnectApp, listApps } from './apps.ts';
import { type Authorization, AuthorizeQuery, allow, answerUrl, loadClient, readAuthorization } from './authorize.ts';
import { placeOf, sourceOf } from './redirects.ts';

interface ConsentPage {
  readonly name: string;
  readonly place: string;
  readonly scopes: readonly { readonly name: string; readonly text: string }[];
  /** What the program sent, to be sent back with the answer. */
  readonly sent: readonly { readonly name: string; readonly value: string }[];
  readonly page: PageHead;
}
const consentPage = view<ConsentPage>('api/consent');
const appsPage = settingsPage<{ readonly apps: readonly AppView[] }>('apps');

const ASKED = { name: 'oauth-authorize', max: 100, perMs: 3_600_000 };

/** `/oauth/authorize` and `/settings/apps`: members, in a browser. */
export function personRoutes(routes: Router<State>, { limits, publicUrl: { origin } }: ApiDeps): void {
  const readRequest = async (ctx: Ctx, query: AuthorizeQuery): Promise<Authorization> => ({
    ...(await loadClient(ctx.state.work, query)),
    ...readAuthorization(query),
  });

  routes.get('/oauth/authorize', browserOnly, async (ctx) => {
    const query = AuthorizeQuery.parse({ ...ctx.query });
    const asked = await readRequest(ctx, query);
    // the answer to this form is a redirect to the program, which the policy for forms has to let through
    const policy = ctx.response.get('Content-Security-Policy');
    const source = sourceOf(asked.redirectUri);
    ctx.set('Content-Security-Policy', policy.replace("form-action 'self'", `form-action 'self' ${source}`));
    consentPage(ctx, {
      ...{ name: asked.client.name, place: placeOf(asked.redirectUri) },
      scopes: asked.scopes.map((name) => ({ name, text: t(`scope.${name}`) })),
      sent: Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
      page: { title: t('oauth.title', { name: asked.client.name }), noindex: true },
    });
  });

  routes.post('/oauth/authorize', browserOnly, async (ctx) => {
    limits.take(ctx, ASKED);
    const form = await readRawForm(ctx);
    const asked = await readRequest(ctx, AuthorizeQuery.parse(form));
    const answer =
      form.act === 'allow'
        ? { code: await allow(ctx.state.work, viewerIn(ctx), asked) }
        : { error: 'access_denied', error_description: 'The person said no.' };
    sendBack(ctx, answerUrl(asked.redirectUri, origin, { ...answer, state: asked.state }));
  });

  routes.get('/settings/apps', browserOnly, async (ctx) => {
    appsPage(ctx, { apps: await listApps(ctx.state.work, viewerIn(ctx)) });
  });

  routes.post('/settings/apps/:id/removal', browserOnly, async (ctx) => {
    await disconnectApp(ctx.state.work, viewerIn(ctx), uuidParam(ctx));
    ctx.redirect('/settings/apps?said=program-removed');
  });
}

/** With GET, whatever it was asked with, and without telling where the person was. */
function sendBack(ctx: Ctx, url: string): void {
  ctx.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  ctx.redirect(url);
  ctx.status = 303;
}
