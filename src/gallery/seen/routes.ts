import type Router from '@koa/router';
import { membersOnly } from '../../accounts/access/guard.ts';
import type { State } from '../../kit/web/state.ts';
import { forgetSeen } from './see.ts';

/** Members, of their own. */
export function seenRoutes(routes: Router<State>): void {
  routes.post('/seen/removal', membersOnly, async (ctx) => {
    await forgetSeen(ctx.state.work);
    ctx.redirect('/searches?said=forgotten');
  });
}
