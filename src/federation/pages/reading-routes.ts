import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { can } from '../../accounts/permissions.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { AUTHORISED_FETCH, readingSettings } from './asker.ts';

export const READING_LINKS: readonly AdminLink[] = [
  { label: 'admin.reading', href: '/admin/reading', icon: 'eye', permission: 'manageSettings' },
];

const ReadingForm = z.object({
  authorisedFetch: z.enum(AUTHORISED_FETCH, 'Choose who has to sign.'),
});

const readingPage = adminPage<{ readonly authorisedFetch: string }>('federation/reading');

/** Throws `forbidden` without the permission to manage settings. */
async function editReading(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { settings }: Pick<Federation, 'settings'>,
  form: z.output<typeof ReadingForm>,
): Promise<void> {
  if (!can(viewer, 'manageSettings')) throw new AppError('forbidden', 'You may not change the node.');
  await settings.write(em, readingSettings, form, now());
  await em.flush();
}

/** `/admin/reading`: which readers have to sign. */
export function readingRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');
  const show = async (ctx: Ctx, form?: FormState) => {
    const now = await federation.settings.read(ctx.state.work.em, readingSettings);
    await readingPage(ctx, { adminLinks }, t('admin.reading'), now, form);
  };
  routes.get('/admin/reading', staff, (ctx) => show(ctx));
  routes.post('/admin/reading', staff, (ctx) =>
    submitForm(
      ctx,
      ReadingForm,
      async (form) => {
        await editReading(ctx.state.work, federation, form);
        ctx.redirect('/admin/reading?said=reading');
      },
      (form) => show(ctx, form),
    ),
  );
  return routes;
}
