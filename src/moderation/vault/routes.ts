import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly, viewerIn } from '../../accounts/access/guard.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { VEILS, type Veil } from '../../kit/storage/images-veil.ts';
import { type FormState, readForm, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { CLAIM_TYPES } from '../cases/types/types.ts';
import type { ModerationDeps } from '../deps.ts';
import { type Exposures, loadExposures } from '../queue/exposure.ts';
import { categoriesOf, listVault, loadVaulted } from './kept.ts';
import { agreeToLook, askToLook, drawVaulted, noteSight } from './look.ts';
import { rowsOf, type VaultedPage, type VaultRow, vaultedPage } from './page.ts';
import { PurgeForm, purgeVaulted } from './purge.ts';

interface VaultNow {
  readonly items: readonly VaultRow[];
  readonly filter: { readonly category: string; readonly state: string };
  readonly categories: readonly { readonly value: string; readonly label: string }[];
  readonly nextUrl: string;
}
const vaultPage = adminPage<VaultNow>('moderation/vault');
const itemPage = adminPage<VaultedPage & { readonly exposures: Exposures }>('moderation/vaulted');

const VaultQuery = z.object({
  category: z.enum(CLAIM_TYPES).or(z.literal('')).catch('').default(''),
  state: z.enum(['kept', 'purged']).catch('kept').default('kept'),
  before: z.uuid().or(z.literal('')).catch('').default(''),
});
const VeilForm = z.object({ veil: z.enum(VEILS) });
const AgreeForm = z.object({ who: z.coerce.number().pipe(z.int().positive()) });
const HOME = '/moderation/vault';

type ItemCtx = Ctx & { params: Record<string, string | undefined> };

/** `/moderation/vault`: what was taken and can still be given back; each by the permission that its cases need. */
export function vaultRoutes(deps: ModerationDeps): Router<State> {
  const { vault, signed } = deps;
  const routes = new Router<State>();
  const staff = staffOnly('decideSevere', 'decideRights', 'moderateContent');
  const workIn = (ctx: Ctx) => ({ ...ctx.state.work, viewer: viewerIn(ctx) });

  routes.get(HOME, staff, async (ctx) => {
    const { em, now } = ctx.state.work;
    const query = readQuery(ctx, VaultQuery);
    const { items, nextBefore } = await listVault(em, viewerIn(ctx), query);
    const next = new URLSearchParams({ ...query, before: nextBefore });
    await vaultPage(ctx, deps, t('admin.vault'), {
      items: await rowsOf(items, vault, now()),
      filter: { category: query.category, state: query.state },
      categories: categoriesOf(viewerIn(ctx)).map((value) => ({ value, label: t(`category.${value}`) })),
      nextUrl: nextBefore ? `${HOME}?${next}` : '',
    });
  });

  const show = async (ctx: ItemCtx, veil: Veil, form?: FormState) => {
    const work = workIn(ctx);
    const item = await loadVaulted(work.em, work.viewer, uuidParam(ctx));
    const page = await vaultedPage(work, vault, item, veil, (path) => signed.sign(ctx, path));
    const exposures = await loadExposures(work, work.viewer);
    await itemPage(ctx, deps, page.what, { ...page, exposures }, form);
  };

  routes.get(`${HOME}/:id`, staff, (ctx) => show(ctx, 'full'));

  routes.post(`${HOME}/:id/view`, staff, async (ctx) => {
    const { veil } = await readForm(ctx, VeilForm);
    const work = workIn(ctx);
    if (veil !== 'full') await noteSight(work, await loadVaulted(work.em, work.viewer, uuidParam(ctx)), veil);
    await show(ctx, veil);
  });

  routes.get(`${HOME}/:id/pictures/:veil`, staff, async (ctx) => {
    signed.assert(ctx);
    const veil = VEILS.find((name) => name === ctx.params.veil);
    const work = workIn(ctx);
    if (!veil) throw new AppError('not_found', 'There is no such picture.');
    const item = await loadVaulted(work.em, work.viewer, uuidParam(ctx));
    ctx.set({ 'Content-Type': 'image/webp', 'X-Content-Type-Options': 'nosniff' });
    ctx.body = await drawVaulted(work, vault, item, veil);
  });

  routes.post(`${HOME}/:id/request`, staff, async (ctx) => {
    await askToLook(workIn(ctx), uuidParam(ctx));
    ctx.redirect(`${HOME}/${uuidParam(ctx)}?said=vault-asked`);
  });

  routes.post(`${HOME}/:id/agreement`, staff, async (ctx) => {
    const { who } = await readForm(ctx, AgreeForm);
    await agreeToLook(workIn(ctx), uuidParam(ctx), who);
    ctx.redirect(`${HOME}/${uuidParam(ctx)}?said=vault-agreed`);
  });

  routes.post(`${HOME}/:id/purge`, staff, async (ctx) => {
    await submitForm(
      ctx,
      PurgeForm,
      async (form) => {
        const state = await purgeVaulted(workIn(ctx), deps, uuidParam(ctx), form);
        ctx.redirect(`${HOME}/${uuidParam(ctx)}?said=vault-${state}`);
      },
      (form) => show(ctx, 'full', form),
    );
  });

  return routes;
}
