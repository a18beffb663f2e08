import type Router from '@koa/router';
import { anyone, browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { Account } from '../../accounts/model.ts';
import { settingsPage } from '../../accounts/settings-page.ts';
import { followJob } from '../../compute/tool/live.ts';
import { AppError } from '../../kit/errors.ts';
import { findStatus } from '../../kit/queue/status.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { sendEvents } from '../../kit/web/event-stream.ts';
import { EMPTY_FORM, type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { TransferDeps } from '../deps.ts';
import { countRedirects, endRedirects, RedirectsForm, setRedirects } from '../moved/redirects.ts';
import { KEPT_DAYS } from './make.ts';
import { AccountExport } from './model.ts';
import { archiveAddress, loadByKey, sendArchive } from './send.ts';

interface ExportNow {
  readonly keptDays: number;
  readonly archive: {
    readonly state: string;
    readonly totalBytes: number;
    readonly entryCount: number;
    readonly leftOut: readonly string[];
    readonly message: string;
    readonly madeAt: string;
    readonly expiresAt: string;
    /** For another node. */
    readonly address: string;
  } | null;
  /** Where this account went: its pages may lead there. */
  readonly moved: { readonly count: number } | null;
  readonly live: { readonly url: string; readonly value: number; readonly max: number; readonly note: string } | null;
}
const exportPage = settingsPage<ExportNow>('export', 'transfer/export');

export const BEGIN: Limit = { name: 'account-export', max: 10, perMs: 86_400_000 };
/** Another node asks for each file by itself. */
const READ: Limit = { name: 'export-read', max: 20_000, perMs: 3_600_000 };
const EVENTS = '/settings/export/events';

/** `/settings/export`: all of one's own, in a browser; and the address at which another node reads it. */
export function exportRoutes(routes: Router<State>, { exports, limits, publicUrl, secretKey }: TransferDeps): void {
  const find = (ctx: Ctx) => ctx.state.work.em.findOne(AccountExport, { account: viewerIn(ctx).id });

  const show = async (ctx: Ctx, form: FormState = EMPTY_FORM) => {
    const row = await find(ctx);
    const { em } = ctx.state.work;
    const { movedToUri } = await em.findOneOrFail(Account, viewerIn(ctx).id);
    const job = row?.state === 'making' && row.jobId ? await findStatus(em, row.jobId) : null;
    const isOpen = job?.state === 'queued' || job?.state === 'running';
    const isOver = row !== null && row.expiresAt <= ctx.state.work.now();
    exportPage(
      ctx,
      {
        keptDays: KEPT_DAYS,
        archive:
          row === null || isOver
            ? null
            : {
                state: row.state === 'making' && !isOpen ? 'failed' : row.state,
                ...{ totalBytes: row.totalBytes, entryCount: row.entryCount, leftOut: row.leftOut },
                message: row.message ?? t('export.broke'),
                madeAt: (row.finishedAt ?? row.createdAt).toISOString(),
                expiresAt: row.expiresAt.toISOString(),
                address: archiveAddress(publicUrl, secretKey, row),
              },
        live: isOpen
          ? { url: EVENTS, value: job.progressDone, max: job.progressTotal || 100, note: job.progressNote }
          : null,
        moved: movedToUri == null ? null : { count: await countRedirects(ctx.state.work) },
      },
      form,
    );
  };

  routes.get('/settings/export', browserOnly, (ctx) => show(ctx));

  routes.post('/settings/export', browserOnly, async (ctx) => {
    try {
      limits.take(ctx, BEGIN);
      await exports.begin(ctx.state.work);
      ctx.redirect('/settings/export');
    } catch (error) {
      const { isFault, message, status } = failureOf(error);
      if (isFault) throw error;
      await show(ctx, { ...EMPTY_FORM, message });
      ctx.status = status;
    }
  });

  routes.post('/settings/export/removal', browserOnly, async (ctx) => {
    const { em, jobs } = ctx.state.work;
    const row = await find(ctx);
    if (row?.state === 'making' && row.jobId) await jobs.cancel(em, row.jobId);
    if (row) await em.nativeDelete(AccountExport, { id: row.id });
    ctx.redirect('/settings/export?said=export-removed');
  });

  routes.post('/settings/export/pages', browserOnly, async (ctx) => {
    await submitForm(
      ctx,
      RedirectsForm,
      async ({ pages }) => {
        await setRedirects(ctx.state.work, publicUrl, pages);
        ctx.redirect('/settings/export?said=pages-lead-on');
      },
      (form) => show(ctx, form),
    );
  });

  routes.post('/settings/export/pages/removal', browserOnly, async (ctx) => {
    await endRedirects(ctx.state.work);
    ctx.redirect('/settings/export?said=pages-stay');
  });

  routes.get(EVENTS, browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const jobId = (await find(ctx))?.jobId ?? '';
    const followed = {
      ...{ jobId, url: '/settings/export' },
      noteOf: ({ state }: { readonly state: string }) => (state === 'queued' ? t('export.waiting') : ''),
    };
    await sendEvents(ctx, (signal, lastEventId) => followJob(work, followed, signal, lastEventId));
  });

  routes.get('/settings/export/archive', browserOnly, async (ctx) => {
    const row = await find(ctx);
    if (row?.state !== 'ready' || row.expiresAt <= ctx.state.work.now()) {
      throw new AppError('not_found', t('export.gone'));
    }
    await sendArchive(ctx, row, `${publicUrl.hostname}-${viewerIn(ctx).name}`);
  });

  routes.get('/exports/archive', anyone, async (ctx) => {
    limits.take(ctx, READ);
    const row = await loadByKey(ctx.state.work, secretKey, ctx.query);
    const { entry } = ctx.query;
    await sendArchive(ctx, row, `${publicUrl.hostname}-export`, typeof entry === 'string' ? entry : undefined);
  });
}
