import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, idParam, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { askForCopy } from './ask.ts';
import { removeCopy } from './drop.ts';
import { COPY_RULES, copySettings, findPeerFile } from './rules.ts';
import { type CopyRow, listCopies } from './view.ts';

export const COPY_LINKS: readonly AdminLink[] = [
  { label: 'admin.copies', href: '/admin/copies', icon: 'download', permission: 'manageCatalogue' },
];

const CopyForm = z.object({
  rule: z.enum(COPY_RULES, 'Choose one.'),
  mostGigabytes: z.coerce.number('A number.').min(1, 'At least 1.').max(100_000, 'At most 100,000.'),
});

const copiesPage = adminPage<{ rule: string; mostGigabytes: number; copies: readonly CopyRow[] }>('federation/copies');

/** `/admin/copies`, and the buttons beside a peer's file. */
export function copyRoutes(federation: Federation, deps: { readonly adminLinks: readonly AdminLink[] }): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageCatalogue');

  const show = async (ctx: Ctx, form?: FormState) => {
    const { work } = ctx.state;
    const now = {
      ...(await federation.settings.read(work.em, copySettings)),
      copies: await listCopies(work, federation),
    };
    await copiesPage(ctx, deps, t('admin.copies'), now, form);
  };

  routes.get('/admin/copies', staff, (ctx) => show(ctx));

  routes.post('/admin/copies', staff, async (ctx) => {
    await submitForm(
      ctx,
      CopyForm,
      async (form) => {
        const { em, now } = ctx.state.work;
        await federation.settings.write(em, copySettings, form, now());
        await em.flush();
        ctx.redirect('/admin/copies?said=copies');
      },
      (form) => show(ctx, form),
    );
  });

  routes.post('/files/:id/copy', staff, async (ctx) => {
    const fileId = idParam(ctx);
    await askForCopy(ctx.state.work, federation, fileId);
    ctx.redirect(await pageOf(ctx, fileId));
  });

  routes.post('/files/:id/copy/removal', staff, async (ctx) => {
    const fileId = idParam(ctx);
    const url = await pageOf(ctx, fileId);
    await removeCopy(ctx.state.work, federation, fileId);
    ctx.redirect(url);
  });

  return routes;

  async function pageOf(ctx: Ctx, fileId: number): Promise<string> {
    const found = await findPeerFile(ctx.state.work, fileId);
    if (!found) throw new AppError('not_found', 'There is no such file of elsewhere.');
    return `/models/${found.model.id}?version=${found.version.id}#files`;
  }
}
