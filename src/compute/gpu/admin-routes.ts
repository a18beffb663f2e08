import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { pauseLane, tuneLane } from '../../kit/queue/fair/state.ts';
import type { Settings } from '../../kit/settings.ts';
import { type FormState, readForm, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { actOnRunner, createRunner, RunnerAct, RunnerForm } from '../runners/owner.ts';
import { listRunners, type RunnerView } from '../runners/queries.ts';
import { type GpuNow, loadGpu } from './admin-queries.ts';
import { GpuSettings, gpuSettings } from './quotas.ts';

export const GPU_LINKS: readonly AdminLink[] = [
  { label: 'admin.gpu', href: '/admin/gpu', icon: 'cpu', permission: 'manageSettings' },
];

interface SettingField {
  readonly name: string;
  readonly label: string;
  readonly value: number;
}

interface GpuPage extends GpuNow {
  readonly fields: readonly SettingField[];
  readonly runners: readonly RunnerView[];
  /** What to type on the other machine, with the token, right after it was made. */
  readonly command: string | null;
}

const gpuPage = adminPage<GpuPage>('compute/gpu');

const EngineAct = z.object({ engine: z.string().max(120), act: z.enum(['reset', 'drain', 'undrain']) });
const QueueAct = z.object({ act: z.enum(['pause', 'resume']) });

export interface GpuDeps {
  readonly settings: Settings;
  readonly publicUrl: URL;
  readonly adminLinks: readonly AdminLink[];
}

/** `/admin/gpu`: engines, runners, queue, use and quotas. For those who may change settings. */
export function gpuRoutes({ settings, publicUrl, adminLinks }: GpuDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageSettings');

  async function show(ctx: Ctx, form?: FormState, token: string | null = null): Promise<void> {
    const { work } = ctx.state;
    const values = await settings.read(work.em, gpuSettings);
    const fields = Object.entries(GpuSettings.shape).map(([name, field]) => ({
      ...{ name, label: (field.description ?? name).replace(/\.$/, ''), value: values[name as keyof GpuSettings] },
    }));
    const command = token && `npm run cli -- runner --node ${publicUrl.origin} --token ${token}`;
    const now = { ...(await loadGpu(work)), fields, command, runners: await listRunners(work) };
    await gpuPage(ctx, { adminLinks }, t('admin.gpu'), now, form);
  }

  routes.get('/admin/gpu', staff, (ctx) => show(ctx));

  routes.post('/admin/gpu', staff, (ctx) =>
    submitForm(
      ctx,
      GpuSettings,
      async (form) => {
        const { em, now } = ctx.state.work;
        await settings.write(em, gpuSettings, form, now());
        await em.flush();
        await tuneLane(em.fork(), 'gpu', { interactivePart: form.generationPercent / 100 });
        ctx.redirect('/admin/gpu?said=gpu-saved');
      },
      (form) => show(ctx, form),
    ),
  );

  routes.post('/admin/gpu/queue', staff, async (ctx) => {
    const { act } = await readForm(ctx, QueueAct);
    const { em, now } = ctx.state.work;
    await pauseLane(em, 'gpu', act === 'pause' ? now() : null);
    ctx.redirect(`/admin/gpu?said=gpu-${act}`);
  });

  // the process that drives the engine reads it within seconds
  routes.post('/admin/gpu/engine', staff, async (ctx) => {
    const { engine, act } = await readForm(ctx, EngineAct);
    const { em, now } = ctx.state.work;
    const column = act === 'reset' ? 'reset_requested_at' : 'drained_at';
    const value = act === 'undrain' ? null : now();
    const found = await rows(em, `update gpu_engine set ${column} = ? where id = ? returning id`, [value, engine]);
    if (found.length === 0) throw new AppError('not_found', t('gpu.no-engine'));
    ctx.redirect(`/admin/gpu?said=gpu-${act}`);
  });

  routes.post('/admin/gpu/runners', staff, (ctx) =>
    submitForm(
      ctx,
      RunnerForm,
      async (form) => {
        const { token } = await createRunner(ctx.state.work, form);
        await show(ctx, undefined, token);
      },
      (form) => show(ctx, form),
    ),
  );

  routes.post('/admin/gpu/runner', staff, async (ctx) => {
    const form = await readForm(ctx, RunnerAct);
    await actOnRunner(ctx.state.work, form);
    ctx.redirect(`/admin/gpu?said=runner-${form.act}`);
  });

  return routes;
}
