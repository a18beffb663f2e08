import Router from '@koa/router';
import { staffOnly } from '../accounts/access/guard.ts';
import type { AdminLink } from '../accounts/deps.ts';
import { adminPage } from '../accounts/staff/admin-page.ts';
import {
  addBaseModel,
  BaseModelAct,
  BaseModelForm,
  type BaseModelRow,
  changeBaseModel,
  listBaseModels,
} from '../catalogue/edit-base-models.ts';
import { discardFailed, retryFailed } from '../kit/queue/failed.ts';
import type { Settings } from '../kit/settings.ts';
import { type FormState, readForm, submitForm, uuidParam } from '../kit/web/forms.ts';
import { t } from '../kit/web/messages.ts';
import type { Ctx, State } from '../kit/web/state.ts';
import { collectBlobsJob } from './collect.ts';
import { type JobsNow, loadJobs, loadStorage, type StorageNow } from './queries.ts';
import { dismissStart, loadStart, type StartNow } from './start.ts';

export const OPERATOR_LINKS: readonly AdminLink[] = [
  { label: 'admin.jobs', href: '/admin/jobs', icon: 'history', permission: 'manageSettings' },
  { label: 'admin.base-models', href: '/admin/base-models', icon: 'layers', permission: 'manageCatalogue' },
  { label: 'admin.start', href: '/admin/start', icon: 'circle-check', permission: 'manageSettings' },
  { label: 'admin.storage', href: '/admin/storage', icon: 'hard-drive', permission: 'manageSettings' },
];

const startPage = adminPage<StartNow>('operator/start');
const jobsPage = adminPage<JobsNow>('operator/jobs');
const baseModelsPage = adminPage<{ readonly list: readonly BaseModelRow[] }>('operator/base-models');
const storagePage = adminPage<StorageNow>('operator/storage');

export interface OperatorDeps {
  readonly adminLinks: readonly AdminLink[];
  readonly settings: Settings;
  readonly minFreeBytes: number;
}

/** `/admin/start`, `/admin/jobs`, `/admin/base-models` and `/admin/storage`: staff, each by its permission. */
export function operatorRoutes(deps: OperatorDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');

  routes.get('/admin/start', staff, async (ctx) => {
    await startPage(ctx, deps, t('admin.start'), await loadStart(ctx.state.work, deps.settings));
  });

  routes.post('/admin/start/dismissal', staff, async (ctx) => {
    await dismissStart(ctx.state.work, deps.settings);
    ctx.redirect('/admin/start?said=start-dismissed');
  });

  routes.get('/admin/jobs', staff, async (ctx) => {
    await jobsPage(ctx, deps, t('admin.jobs'), await loadJobs(ctx.state.work));
  });

  routes.post('/admin/jobs/:id/retry', staff, async (ctx) => {
    const { em, now } = ctx.state.work;
    await retryFailed(em, uuidParam(ctx), now());
    ctx.redirect('/admin/jobs?said=job-retried');
  });

  routes.post('/admin/jobs/:id/delete', staff, async (ctx) => {
    await discardFailed(ctx.state.work.em, uuidParam(ctx));
    ctx.redirect('/admin/jobs?said=job-discarded');
  });

  const catalogueStaff = staffOnly('manageCatalogue');
  const showBaseModels = async (ctx: Ctx, form?: FormState) => {
    const list = await listBaseModels(ctx.state.work);
    await baseModelsPage(ctx, deps, t('admin.base-models'), { list }, form);
  };

  routes.get('/admin/base-models', catalogueStaff, (ctx) => showBaseModels(ctx));

  routes.post('/admin/base-models', catalogueStaff, async (ctx) => {
    await submitForm(
      ctx,
      BaseModelForm,
      async (form) => {
        await addBaseModel(ctx.state.work, form);
        ctx.redirect('/admin/base-models?said=base-model-added#end');
      },
      (form) => showBaseModels(ctx, form),
    );
  });

  // the name is no part of the address: Civitai's spellings hold dots and spaces
  routes.post('/admin/base-models/change', catalogueStaff, async (ctx) => {
    await changeBaseModel(ctx.state.work, await readForm(ctx, BaseModelAct));
    ctx.redirect('/admin/base-models');
  });

  routes.get('/admin/storage', staff, async (ctx) => {
    const now = await loadStorage(ctx.state.work, deps.settings, deps.minFreeBytes);
    await storagePage(ctx, deps, t('admin.storage'), now);
  });

  // the clock's own run keeps its time: this one has a key of its own
  routes.post('/admin/storage/collection', staff, async (ctx) => {
    const { em, jobs } = ctx.state.work;
    jobs.enqueue(em, collectBlobsJob, {}, { dedupeKey: `${collectBlobsJob.name} now` });
    await em.flush();
    ctx.redirect('/admin/storage?said=collecting');
  });

  return routes;
}
