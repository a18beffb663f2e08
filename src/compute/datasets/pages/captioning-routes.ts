import type Router from '@koa/router';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { sendEvents } from '../../../kit/web/event-stream.ts';
import { type FormState, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { beginCaptioning, CaptioningForm, cancelCaptioning, undoCaptioning } from '../captioning/act.ts';
import { followCaptioning } from '../captioning/view.ts';
import { loadOwnDataset } from '../own.ts';
import type { DatasetDeps } from './deps.ts';

export const BEGIN = { name: 'dataset-captioning', max: 60, perMs: 3_600_000 };

type Show = (ctx: Ctx, datasetId: string, form: FormState) => Promise<void>;

/** Captions that a machine writes: begun, followed, stopped and undone by the owner of the set. */
export function captioningRoutes(routes: Router<State>, { captioner, limits }: DatasetDeps, show: Show): void {
  routes.post('/datasets/:id/captioning', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      CaptioningForm,
      async (form) => {
        limits.take(ctx, BEGIN);
        await beginCaptioning(ctx.state.work, captioner, id, form);
        ctx.redirect(`/datasets/${id}/captions`);
      },
      (form) => show(ctx, id, form),
    );
  });
  routes.get('/datasets/:id/captioning/events', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const dataset = await loadOwnDataset(work, uuidParam(ctx));
    await sendEvents(ctx, (signal, lastEventId) => followCaptioning(work, dataset, signal, lastEventId));
  });
  routes.post('/datasets/:id/captioning/cancellation', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await cancelCaptioning(ctx.state.work, id);
    ctx.redirect(`/datasets/${id}/captions`);
  });
  routes.post('/datasets/:id/captioning/reversal', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    const count = await undoCaptioning(ctx.state.work, id);
    ctx.redirect(`/datasets/${id}/captions?undone=${count}`);
  });
}
