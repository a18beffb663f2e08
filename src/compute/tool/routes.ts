import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../accounts/access/guard.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, readForm, readQuery, submitRaw, uuidParam } from '../../kit/web/forms.ts';
import type { State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { ComputeDeps } from '../deps.ts';
import { saveDraft } from '../desk/drafts.ts';
import { GenerateForm, MAX_PROMPT_CHARS } from '../form.ts';
import { mayGenerate } from '../generator.ts';
import { sizeOfPrompt } from '../prompt/chunks.ts';
import { actOnForm } from './acts.ts';
import { compareRoutes } from './compare-routes.ts';
import { type CostView, loadCost } from './cost.ts';
import { Prefill, prefilledForm } from './prefill.ts';
import { readToolForm } from './read-form.ts';
import { REQUESTS, resultRoutes } from './result-routes.ts';
import { capsOf, showTool } from './show.ts';

/** What happens while somebody types. */
const KEYSTROKES = { name: 'generate-typing', max: 6_000, perMs: 3_600_000 };

const TokensForm = z.object({
  prompt: z
    .string()
    .max(MAX_PROMPT_CHARS * 2)
    .default(''),
  negativePrompt: z
    .string()
    .max(MAX_PROMPT_CHARS * 2)
    .default(''),
});
const costPart = view<{ cost: CostView | null }>('compute/cost');
const tokensPart = view<{ promptSize: object; negativeSize: object }>('compute/tokens');

/** Generation: the tool, and each request with its results. Each person sees their own. */
export function computeRoutes(deps: ComputeDeps): Router<State> {
  const { generator, limits } = deps;
  const routes = new Router<State>();

  routes.get('/generate', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const parts = await prefilledForm(work, viewer, await capsOf(deps, ctx), readQuery(ctx, Prefill));
    await showTool(ctx, deps, parts);
  });

  // Buttons inside the form that change it: the page comes back with it changed, and nothing is made.
  routes.get('/generate/form', browserOnly, (ctx) => ctx.redirect('/generate'));
  routes.post('/generate/form', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const form = await readToolForm(ctx, viewer, deps);
    const parts = await actOnForm(work, viewer, await capsOf(deps, ctx), form);
    await saveDraft(work, viewer, parts.values);
    // the draft is what the page shows from now on, not what its address had filled it with
    const [, path] = /^[^?]*?(\/generate[\w/-]*)\?/.exec(ctx.get('HX-Current-URL')) ?? [];
    if (path) ctx.set('HX-Replace-Url', path);
    await showTool(ctx, deps, parts);
    if (Object.keys(parts.errors ?? {}).length > 0 && !ctx.get('HX-Request')) ctx.status = 422;
  });

  routes.post('/generate/draft', browserOnly, async (ctx) => {
    limits.take(ctx, KEYSTROKES);
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    await saveDraft(work, viewer, (await readToolForm(ctx, viewer, deps)).raw);
    ctx.status = 204;
  });

  routes.post('/generate/tokens', browserOnly, async (ctx) => {
    limits.take(ctx, KEYSTROKES);
    mayGenerate(ctx.state.work.viewer);
    const { prompt, negativePrompt } = await readForm(ctx, TokensForm);
    tokensPart(ctx, { promptSize: sizeOfPrompt(prompt), negativeSize: sizeOfPrompt(negativePrompt) });
  });

  routes.post('/generate/cost', browserOnly, async (ctx) => {
    limits.take(ctx, KEYSTROKES);
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const { raw } = await readToolForm(ctx, viewer, deps);
    const caps = await capsOf(deps, ctx);
    costPart(ctx, { cost: caps && (await loadCost(work, deps, viewer, caps, raw)) });
  });

  routes.post('/generate', browserOnly, async (ctx) => {
    limits.take(ctx, REQUESTS);
    const { work } = ctx.state;
    const viewer = mayGenerate(work.viewer);
    const { raw, errors: refused } = await readToolForm(ctx, viewer, deps);
    await saveDraft(work, viewer, raw);
    await submitRaw(
      ctx,
      raw,
      GenerateForm,
      async (form) => {
        const [first] = Object.values(refused);
        if (first) throw new AppError('invalid', first, { fields: refused });
        const generation = await generator.request(work, form);
        ctx.redirect(`/generate/${generation.id}`);
      },
      ({ values, errors, message }: FormState) =>
        showTool(ctx, deps, { values, errors: Object.keys(errors).length > 0 ? errors : { prompt: message ?? '' } }),
    );
  });

  compareRoutes(routes);
  resultRoutes(routes, deps);

  routes.get('/generate/:id', browserOnly, async (ctx) => {
    await showTool(ctx, deps, null, uuidParam(ctx));
  });
  return routes;
}
