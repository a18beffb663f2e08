import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { checkForm, type FormState, readQuery, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { readMultipart } from '../../kit/web/multipart.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { BLOCK_CATEGORIES, BLOCK_KINDS } from '../../safety/hashes/model.ts';
import type { ModerationDeps } from '../deps.ts';
import { BlockForm, blockByHand, liftByHand } from './edit.ts';
import { type BlockView, listBlockViews } from './list.ts';

interface Option {
  readonly value: string;
  readonly label: string;
}
interface HashesNow {
  readonly blocks: readonly BlockView[];
  readonly filter: z.output<typeof HashQuery>;
  readonly kinds: readonly Option[];
  readonly categories: readonly Option[];
  readonly nextUrl: string;
}
const hashesPage = adminPage<HashesNow>('moderation/hashes');

const HashQuery = z.object({
  kind: z.enum(BLOCK_KINDS).or(z.literal('')).catch('').default(''),
  category: z.enum(BLOCK_CATEGORIES).or(z.literal('')).catch('').default(''),
  state: z.enum(['active', 'lifted']).catch('active').default('active'),
  before: z.uuid().or(z.literal('')).catch('').default(''),
});
const HOME = '/moderation/hashes';

/** `/moderation/hashes`: what must not come back, for those who manage rules. */
export function hashRoutes(deps: ModerationDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageRules');
  const { hashGate, uploadsDir: folder, maxImageBytes: maxFileBytes } = deps;

  const show = async (ctx: Ctx, form?: FormState) => {
    const filter = readQuery(ctx, HashQuery);
    const { blocks, nextBefore } = await listBlockViews(ctx.state.work, filter);
    const next = new URLSearchParams({ ...filter, before: nextBefore });
    const kinds = BLOCK_KINDS.map((value) => ({ value, label: t(`block-kind.${value}`) }));
    const categories = BLOCK_CATEGORIES.map((value) => ({ value, label: t(`category.${value}`) }));
    const nextUrl = nextBefore ? `${HOME}?${next}` : '';
    await hashesPage(ctx, deps, t('admin.hashes'), { blocks, filter, kinds, categories, nextUrl }, form);
  };

  routes.get(HOME, staff, (ctx) => show(ctx));

  routes.post(HOME, staff, async (ctx) => {
    const form = await readMultipart(ctx, { folder, maxFiles: 1, maxFileBytes });
    try {
      const [file] = form.files;
      const path = file && file.totalBytes > 0 ? file.path : null;
      await blockByHand(ctx.state.work, hashGate, checkForm(form.fields, BlockForm), path);
      ctx.redirect(`${HOME}?said=block-added`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const failure = failureOf(error);
      ctx.status = failure.status;
      await show(ctx, { values: form.fields, errors: error.fields ?? {}, message: failure.message });
    } finally {
      await form.discard();
    }
  });

  routes.post(`${HOME}/:id/removal`, staff, async (ctx) => {
    await liftByHand(ctx.state.work, uuidParam(ctx));
    ctx.redirect(`${HOME}?said=block-lifted`);
  });

  return routes;
}
