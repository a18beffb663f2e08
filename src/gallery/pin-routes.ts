import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../accounts/access/guard.ts';
import { idParam, readForm } from '../kit/web/forms.ts';
import type { Limit } from '../kit/web/rate-limit.ts';
import type { State } from '../kit/web/state.ts';
import type { GalleryDeps } from './deps.ts';
import { pin, unpin } from './pins.ts';
import { urlOf } from './talk/target.ts';

/** As the toggle button sends it: 1 switches on, 0 off. */
const Switch = z.object({ on: z.enum(['0', '1']).default('1') });
const PIN: Limit = { name: 'pin', max: 60, perMs: 3_600_000 };

/** `POST /models/:id/pin` and `/posts/:id/pin`, for whoever owns the thing. */
export function pinRoutes(routes: Router<State>, { limits }: GalleryDeps): void {
  for (const kind of ['model', 'post'] as const) {
    routes.post(`/${kind}s/:id/pin`, membersOnly, async (ctx) => {
      limits.take(ctx, PIN);
      const { on } = await readForm(ctx, Switch);
      const target = { kind, id: idParam(ctx) };
      if (on === '1') await pin(ctx.state.work, target);
      else await unpin(ctx.state.work, target);
      ctx.redirect(urlOf(target));
    });
  }
}
