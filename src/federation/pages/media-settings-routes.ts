import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { editMediaSettings, loadMediaKept, type MediaKept, mediaSettings } from '../ingest/evict-media.ts';

export const MEDIA_LINKS: readonly AdminLink[] = [
  { label: 'admin.peer-media', href: '/admin/peer-media', icon: 'images', permission: 'manageSettings' },
];

const MediaForm = z.object({
  keepDays: z.coerce.number('Give a number of days.').pipe(mediaSettings.schema.shape.keepDays.unwrap()),
  mostGib: z.coerce.number('Give a size in GiB.').pipe(mediaSettings.schema.shape.mostGib.unwrap()),
});

const mediaPage = adminPage<z.output<typeof MediaForm> & MediaKept>('federation/peer-media');

/** `/admin/peer-media`: how much of other servers' pictures is kept here, and how long. */
export function mediaSettingsRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');
  const show = async (ctx: Ctx, form?: FormState) => {
    const { em } = ctx.state.work;
    const now = { ...(await federation.settings.read(em, mediaSettings)), ...(await loadMediaKept(em)) };
    await mediaPage(ctx, { adminLinks }, t('admin.peer-media'), now, form);
  };
  routes.get('/admin/peer-media', staff, (ctx) => show(ctx));
  routes.post('/admin/peer-media', staff, (ctx) =>
    submitForm(
      ctx,
      MediaForm,
      async (form) => {
        await editMediaSettings(ctx.state.work, federation, form);
        ctx.redirect('/admin/peer-media?said=peer-media');
      },
      (form) => show(ctx, form),
    ),
  );
  return routes;
}
