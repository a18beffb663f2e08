import type Router from '@koa/router';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { findPrice } from '../../../economy/charge.ts';
import { failureOf } from '../../../kit/web/errors.ts';
import { type FormState, type RawForm, readQuery, readRawForm, uuidParam } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import { trainingSettings } from '../../datasets/limits.ts';
import { loadOwnDataset, mayTrain } from '../../datasets/own.ts';
import { type DatasetView, datasetView, listItems } from '../../datasets/pages/queries.ts';
import { fileOf } from '../../models/choose.ts';
import { textValue } from '../../tool/values.ts';
import { type BaseChoice, canTrain, findBase, listBases } from '../bases.ts';
import { type FieldView, fieldViews, readSettings, valuesOf } from '../form.ts';
import { LOOKS, PRESETS, RIGHTS, TrainingEpoch } from '../model.ts';
import { defaultsFor } from '../presets.ts';
import { checkTraining, startTraining, type TrainingRequest } from '../start.ts';
import type { TrainingDeps } from './deps.ts';
import { type Fact, factsOf } from './start-facts.ts';
import { attestationOf, type Choice, ChoiceForm, OF_SUMMARY, requestOf } from './start-form.ts';

export const TRAIN = { name: 'train', max: 60, perMs: 3_600_000 };

/** A request whose path names the set. */
type OfSet = Ctx & { readonly params: Record<string, string | undefined> };

interface BasePage {
  readonly set: DatasetView;
  readonly bases: readonly BaseChoice[];
  /** Why nothing can be trained here; '' when it can. */
  readonly missing: string;
  readonly choice: Choice;
  readonly startTitle: string;
  readonly presets: readonly { readonly value: string; readonly label: string; readonly hint: string }[];
  readonly looks: readonly { readonly value: string; readonly label: string; readonly hint: string }[];
  readonly form: FormState;
  readonly page: PageHead;
}
const basePage = view<BasePage>('compute/training/base');

interface SettingsPage {
  readonly set: DatasetView;
  readonly choice: Choice;
  readonly baseTitle: string;
  readonly plain: readonly FieldView[];
  readonly advanced: readonly FieldView[];
  /** Something in what is folded away is wrong. */
  readonly isAdvancedOpen: boolean;
  readonly errors: FormState['errors'];
  readonly page: PageHead;
}
const settingsPage = view<SettingsPage>('compute/training/settings');

interface SummaryPage {
  readonly set: DatasetView;
  readonly facts: readonly Fact[];
  readonly sent: readonly { readonly name: string; readonly value: string }[];
  readonly rightsKind: string;
  readonly people: string;
  readonly rights: readonly { readonly value: string; readonly label: string }[];
  readonly peopleChoices: readonly { readonly value: string; readonly label: string }[];
  readonly errors: FormState['errors'];
  readonly message: string;
  readonly page: PageHead;
}
const summaryPage = view<SummaryPage>('compute/training/summary');

/** From a set to a run, step by step; nothing is written before the last. */
export function startRoutes(routes: Router<State>, deps: TrainingDeps): void {
  const { settings, limits, trainer } = deps;

  const showBase = async (ctx: OfSet, choice: Choice, errors: FormState['errors'] = {}): Promise<void> => {
    const { work } = ctx.state;
    const viewer = mayTrain(work.viewer);
    const dataset = await loadOwnDataset(work, uuidParam(ctx));
    const hello = await trainer.hello(work);
    const isReady = hello !== null && canTrain(hello);
    const bases = isReady ? await listBases(work, viewer, hello, await settings.read(work.em, trainingSettings)) : [];
    const epoch = choice.start
      ? await work.em.findOne(TrainingEpoch, { id: choice.start, run: { owner: viewer.id } }, { populate: ['run'] })
      : null;
    const before = epoch ? bases.find(({ sha256 }) => sha256 === epoch.run.$.base.sha256)?.key : undefined;
    basePage(ctx, {
      set: datasetView(dataset, await listItems(work, dataset.id)),
      bases,
      missing: isReady ? (bases.length === 0 ? t('train.no-bases') : '') : t('train.no-engine'),
      choice: { ...choice, base: choice.base || (before ?? bases[0]?.key ?? ''), start: epoch?.id ?? '' },
      startTitle: epoch ? t('train.continues', { name: epoch.run.$.name, n: epoch.number }) : '',
      presets: PRESETS.map((value) => ({
        value,
        label: t(`train.preset.${value}`),
        hint: t(`train.preset.${value}.hint`),
      })),
      looks: LOOKS.map((value) => ({ value, label: t(`train.look.${value}`), hint: t(`train.look.${value}.hint`) })),
      form: { values: {}, errors, message: null },
      page: { title: t('train.step.base'), noindex: true },
    });
  };

  const showSettings = async (
    ctx: OfSet,
    choice: Choice,
    raw: RawForm | null,
    errors: FormState['errors'] = {},
  ): Promise<void> => {
    const { work } = ctx.state;
    const viewer = mayTrain(work.viewer);
    const dataset = await loadOwnDataset(work, uuidParam(ctx));
    const items = await listItems(work, dataset.id);
    const hello = await trainer.hello(work);
    const base = hello && canTrain(hello) ? await findBase(work, viewer, hello, choice.base) : null;
    if (!hello || !base) {
      await showBase(ctx, choice, { base: t('train.choose-base') });
      ctx.status = 422;
      return;
    }
    const kind = { family: base.family, baseModel: base.baseModel, look: choice.look, preset: choice.preset };
    const values = raw ?? valuesOf(defaultsFor(kind, base.caps, items.length, hello.device.kind === 'cpu'));
    const fields = fieldViews(values);
    settingsPage(ctx, {
      set: datasetView(dataset, items),
      choice: { ...choice, name: choice.name || (raw ? '' : dataset.name) },
      baseTitle: `${base.title} ${base.subtitle}`,
      ...fields,
      isAdvancedOpen: fields.advanced.some(({ name }) => errors[name] !== undefined),
      errors,
      page: { title: t('train.step.settings'), noindex: true },
    });
  };

  const showSummary = async (
    ctx: OfSet,
    raw: RawForm,
    request: TrainingRequest,
    failure: Pick<FormState, 'errors' | 'message'> = { errors: {}, message: null },
  ): Promise<void> => {
    const { work } = ctx.state;
    const checked = await checkTraining(work, await trainer.hello(work), request);
    const { dataset, items, base, estimate } = checked;
    const asked = {
      base: { ...fileOf(base), baseModel: base.baseModel, family: base.family },
      params: request.settings,
    };
    const seconds = await trainer.estimate(work.em, asked, estimate.steps);
    const price = await findPrice(work.em, settings, mayTrain(work.viewer), seconds, work.now());
    const facts = factsOf(request, checked, price);
    const shown = Object.entries(raw).filter(([name]) => !OF_SUMMARY.includes(name));
    summaryPage(ctx, {
      set: datasetView(dataset, items),
      facts,
      rightsKind: textValue(raw.rightsKind),
      people: textValue(raw.people) || 'none',
      rights: RIGHTS.map((value) => ({ value, label: t(`train.rights.${value}`) })),
      peopleChoices: ['none', 'fictional', 'real'].map((value) => ({ value, label: t(`train.people.${value}`) })),
      sent: shown.flatMap(([name, value]) => [value].flat().map((one) => ({ name, value: one }))),
      errors: failure.errors,
      message: failure.message ?? '',
      page: { title: t('train.step.summary'), noindex: true },
    });
  };

  /** What was sent, as far as it is whole; otherwise the page of the settings was shown with what is wrong. */
  const readRequest = async (ctx: OfSet, raw: RawForm): Promise<TrainingRequest | null> => {
    const choice = ChoiceForm.parse(raw);
    const { settings: read, errors } = readSettings(raw);
    const wrong = { ...(choice.name === '' ? { name: t('train.error.name') } : {}), ...errors };
    if (!read || Object.keys(wrong).length > 0) {
      await showSettings(ctx, choice, raw, wrong);
      ctx.status = 422;
      return null;
    }
    return requestOf(uuidParam(ctx), choice, read);
  };

  /** Shows the page where what is refused can be mended. */
  const refused = async (ctx: OfSet, raw: RawForm, request: TrainingRequest, error: unknown): Promise<void> => {
    const failure = failureOf(error);
    if (failure.isFault || failure.kind === 'not_found') throw error;
    const names = Object.keys(failure.fields);
    const isOfSummary = names.every((name) => OF_SUMMARY.includes(name));
    if (failure.kind === 'unavailable' || failure.fields.base)
      await showBase(ctx, ChoiceForm.parse(raw), failure.fields);
    else if (isOfSummary) await showSummary(ctx, raw, request, { errors: failure.fields, message: failure.message });
    else await showSettings(ctx, ChoiceForm.parse(raw), raw, failure.fields);
    ctx.status = failure.status;
  };

  routes.get('/datasets/:id/train', browserOnly, (ctx) => showBase(ctx, readQuery(ctx, ChoiceForm)));
  routes.get('/datasets/:id/train/settings', browserOnly, (ctx) => showSettings(ctx, readQuery(ctx, ChoiceForm), null));
  routes.post('/datasets/:id/train/settings', browserOnly, async (ctx) => {
    const raw = await readRawForm(ctx);
    await showSettings(ctx, ChoiceForm.parse(raw), raw);
  });
  routes.post('/datasets/:id/train/summary', browserOnly, async (ctx) => {
    const raw = await readRawForm(ctx);
    const request = await readRequest(ctx, raw);
    if (request) await showSummary(ctx, raw, request).catch((error: unknown) => refused(ctx, raw, request, error));
  });
  routes.post('/datasets/:id/train', browserOnly, async (ctx) => {
    limits.take(ctx, TRAIN);
    const { work } = ctx.state;
    const raw = await readRawForm(ctx);
    const request = await readRequest(ctx, raw);
    if (!request) return;
    try {
      const { defaultQuotaBytes } = deps;
      const run = await startTraining(work, trainer, request, { ...attestationOf(raw), defaultQuotaBytes });
      ctx.redirect(`/train/${run.id}`);
    } catch (error) {
      await refused(ctx, raw, request, error);
    }
  });
}
