import Router from '@koa/router';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { anyone } from '../access/guard.ts';
import type { AccountDeps } from '../deps.ts';
import { Account } from '../model.ts';
import { type NodeSettings, nodeSettings } from '../node-settings.ts';
import { type AccountCard, accountCard } from '../profile/header.ts';

interface AboutPage extends Pick<NodeSettings, 'name' | 'description' | 'contact' | 'signUpMode'> {
  /** Who answers for the node. */
  readonly staff: readonly AccountCard[];
}
const aboutPage = view<AboutPage>('accounts/about');
const textPage = view<{ readonly text: string; readonly empty: string }>('accounts/text');

/** `/about`, `/terms`: everybody. `/rules` are moderation's. */
export function aboutRoutes({ settings }: AccountDeps): Router<State> {
  const routes = new Router<State>();

  routes.get('/about', anyone, async (ctx) => {
    const { em } = ctx.state.work;
    const { name, description, contact, signUpMode } = await settings.read(em, nodeSettings);
    const staff = await em.find(
      Account,
      { host: '', state: 'active', role: { $in: ['owner', 'admin'] } },
      { orderBy: { id: 'asc' }, limit: 20 },
    );
    const page = { title: t('about.title', { node: name }) };
    aboutPage(ctx, { name, description, contact, signUpMode, staff: staff.map(accountCard), page });
  });

  routes.get('/terms', anyone, async (ctx) => {
    const { terms } = await settings.read(ctx.state.work.em, nodeSettings);
    textPage(ctx, { text: terms, empty: t('terms.empty'), page: { title: t('terms.title') } });
  });

  return routes;
}
