import type Router from '@koa/router';
import { browserOnly, membersOnly } from '../../accounts/access/guard.ts';
import { settingsPage } from '../../accounts/settings-page.ts';
import { readForm, uuidParam } from '../../kit/web/forms.ts';
import type { State } from '../../kit/web/state.ts';
import { type HiddenView, HideForm, hideThing, listHidden, showAgain } from './hide.ts';

const hiddenPage = settingsPage<{ readonly things: readonly HiddenView[] }>('hidden');

/** `/hidden`, `/settings/hidden`: members, each their own. */
export function hiddenRoutes(routes: Router<State>): void {
  routes.get('/settings/hidden', browserOnly, async (ctx) => {
    hiddenPage(ctx, { things: await listHidden(ctx.state.work) });
  });

  routes.post('/hidden', membersOnly, async (ctx) => {
    await hideThing(ctx.state.work, await readForm(ctx, HideForm));
    ctx.redirect('/settings/hidden?said=hidden');
  });

  routes.post('/hidden/:id/removal', membersOnly, async (ctx) => {
    await showAgain(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/settings/hidden?said=shown');
  });
}
