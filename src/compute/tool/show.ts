import { nodeSettings } from '../../accounts/node-settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { ComputeDeps } from '../deps.ts';
import { findDraft } from '../desk/drafts.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { mayGenerate } from '../generator.ts';
import { Families } from '../models/families.ts';
import { loadCost } from './cost.ts';
import { loadLive } from './live.ts';
import { type FormParts, type FormView, loadForm, ratingOptions, type ToolPage } from './page.ts';
import { listRecent, loadGenerationView } from './queries.ts';
import { valuesOf } from './values.ts';

const toolPage = view<ToolPage>('compute/generate');
const RECENT = 12;

export async function capsOf(deps: Pick<ComputeDeps, 'generator'>, ctx: Ctx): Promise<EngineCaps | null> {
  const status = await deps.generator.status(ctx.state.work);
  return status.state === 'ready' ? status.hello.caps : null;
}

/** The page of the tool, with a generation in its result area when one is given; without `parts` the form is as it was left. */
export async function showTool(
  ctx: Ctx,
  { generator, settings }: Pick<ComputeDeps, 'generator' | 'settings'>,
  parts: FormParts | null,
  generationId: string | null = null,
): Promise<void> {
  const { work } = ctx.state;
  const viewer = mayGenerate(work.viewer);
  const engine = await generator.status(work);
  const shown = generationId ? await loadGenerationView(work, generationId) : null;
  const caps = engine.state === 'ready' ? engine.hello.caps : null;
  const families = caps && (await Families.read(work.em, caps));
  const draft = parts ? null : await findDraft(work, viewer);
  const values = draft ?? (shown ? valuesOf(shown.view.id, shown.request, 'as sent') : {});
  const { allowedLevels } = await settings.read(work.em, nodeSettings);
  const isLive = shown?.view.isOpen && shown.jobId;
  const deleted = Number(ctx.query.deleted);
  const form = caps && families ? await loadForm(work, viewer, caps, families, parts ?? { values }) : null;
  toolPage(ctx, {
    cost: caps && form ? await loadCost(work, { generator, settings }, viewer, caps, costFields(form)) : null,
    engine,
    isCpu: engine.state === 'ready' && engine.hello.device.kind === 'cpu',
    deviceName: engine.state === 'ready' ? engine.hello.device.name : '',
    program: engine.state === 'ready' ? (engine.hello.program ?? '') : '',
    form,
    generation: shown?.view ?? null,
    live: isLive ? await loadLive(work, shown.view.id, isLive) : null,
    recent: await listRecent(work, viewer, RECENT),
    ratings: ratingOptions(allowedLevels),
    deletedCount: Number.isInteger(deleted) && deleted > 0 && deleted < 100 ? deleted : 0,
    page: { title: t('nav.generate'), noindex: true },
  });
}

/** What the form shows, chosen by itself or not. */
const costFields = ({ values, model, sizes }: FormView) => ({
  ...{ width: values.width ?? '', height: values.height ?? '', steps: values.steps ?? '', count: values.count ?? '' },
  ...{ model: model?.key ?? '', size: sizes.find(({ isChosen }) => isChosen)?.value ?? 'custom' },
});
