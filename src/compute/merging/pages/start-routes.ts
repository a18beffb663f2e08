import type Router from '@koa/router';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { findPrice } from '../../../economy/charge.ts';
import { failureOf } from '../../../kit/web/errors.ts';
import { type RawForm, readRawForm } from '../../../kit/web/forms.ts';
import { t, tCount } from '../../../kit/web/messages.ts';
import type { Limit } from '../../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { type PageHead, view } from '../../../kit/web/views.ts';
import type { Viewer } from '../../../kit/work.ts';
import { mayTrain } from '../../datasets/own.ts';
import { durationText } from '../../training/pages/run-view.ts';
import { BLOCK_PRESETS, parseBlockText, presetBlocks } from '../blocks.ts';
import { blockNames, type MergeFields, readFields, readSettings } from '../form.ts';
import { MERGE_KINDS } from '../model.ts';
import { canMerge, findMergeable, listMergeable, type Mergeable, partsOf } from '../offers.ts';
import { MERGE_DTYPES, MERGE_METHODS } from '../params.ts';
import { startMerge } from '../start.ts';
import type { MergeDeps } from './routes.ts';

interface Option {
  readonly value: string;
  readonly label: string;
  readonly hint?: string;
}

interface Slot {
  readonly letter: string;
  readonly field: string;
  readonly key: string;
  readonly offer: Mergeable | null;
  readonly isNeeded: boolean;
}

interface MergePage {
  readonly fields: MergeFields;
  readonly slots: readonly Slot[];
  readonly offers: readonly Mergeable[];
  /** Why nothing can be merged here; '' when it can. */
  readonly missing: string;
  readonly kinds: readonly { readonly label: string; readonly href: string; readonly current: boolean }[];
  readonly methods: readonly Option[];
  readonly dtypes: readonly Option[];
  readonly presets: readonly Option[];
  /** Of the family that was chosen; empty before. */
  readonly blocks: readonly { readonly name: string; readonly value: string }[];
  readonly hasBlocks: boolean;
  readonly count: number;
  readonly estimate: string;
  readonly errors: Readonly<Record<string, string>>;
  readonly message: string;
  readonly page: PageHead;
}
const mergePage = view<MergePage>('compute/merging/merge');

export const MERGE: Limit = { name: 'merge', max: 60, perMs: 3_600_000 };
const LETTERS = ['a', 'b', 'c'] as const;
const SLOT = /^([abc]):([1-9]\d{0,9}|[0-9a-f]{64}|)$/;

/** The form: each button but the last brings it back changed, with all that was typed. */
export function startRoutes(routes: Router<State>, deps: MergeDeps): void {
  const { merger, limits } = deps;

  const show = async (
    ctx: Ctx,
    raw: RawForm,
    failure: { readonly errors: Readonly<Record<string, string>>; readonly message: string } = {
      errors: {},
      message: '',
    },
  ): Promise<void> => {
    const { work } = ctx.state;
    const viewer = mayTrain(work.viewer);
    const hello = await merger.hello(work);
    const sent = picked(readFields(raw), raw);
    const ready = hello && canMerge(hello) ? hello : null;
    const keys = [sent.a, sent.b, sent.c];
    const found = ready ? await findMergeable(work, viewer, ready, sent.kind, keys) : [null, null, null];
    const chosen = found.flatMap((offer) => offer ?? []);
    const family = chosen[0]?.family ?? null;
    const known = ready?.caps.merging[family ?? '']?.blocks ?? [];
    const { fields, errors } = withBlocks(sent, raw, known);
    const offers = ready ? await listMergeable(work, viewer, ready, { ...fields, family }) : [];
    mergePage(ctx, {
      fields,
      slots: LETTERS.map((field, n) => ({
        ...{ field, letter: field.toUpperCase(), key: found[n] ? (keys[n] ?? '') : '', offer: found[n] ?? null },
        isNeeded: n < 2 || fields.method === 'add_difference',
      })),
      offers,
      missing: ready ? '' : t('merge.no-engine'),
      kinds: MERGE_KINDS.map((kind) => ({
        ...{ label: t(`merge.kind.${kind}`), href: `/merge?kind=${kind}` },
        current: kind === fields.kind,
      })),
      methods: MERGE_METHODS.filter((value) => value !== 'sum' || fields.kind === 'lora').map((value) => ({
        ...{ value, label: t(`merge.method.${value}`), hint: t(`merge.method.${value}.hint`) },
      })),
      dtypes: MERGE_DTYPES.map((value) => ({ value, label: t(`merge.dtype.${value}`) })),
      presets: BLOCK_PRESETS.map((value) => ({ value, label: t(`merge.preset.${value}`) })),
      blocks: known.length === 0 ? [] : blockNames(known).map((name) => ({ name, value: fields.blocks[name] ?? '' })),
      hasBlocks: Object.keys(fields.blocks).length > 0 || errors.blockText !== undefined,
      count: fields.c === '' ? 2 : 3,
      estimate: ready && chosen.length > 1 ? await estimateText(ctx, deps, viewer, chosen) : '',
      errors: { ...errors, ...failure.errors },
      message: failure.message,
      page: { title: t('merge.title'), noindex: true },
    });
  };

  routes.get('/merge', browserOnly, (ctx) => show(ctx, ctx.query as RawForm));
  routes.post('/merge', browserOnly, async (ctx) => {
    limits.take(ctx, MERGE);
    const raw = await readRawForm(ctx);
    const fields = readFields(raw);
    const { settings, errors } = readSettings(fields);
    const { kind, name, a, b, c } = fields;
    if (!settings) {
      await show(ctx, raw, { errors, message: '' });
      ctx.status = 422;
      return;
    }
    try {
      const request = { kind, name, keys: [a, b, c] as const, settings };
      const run = await startMerge(ctx.state.work, merger, request, deps.defaultQuotaBytes);
      ctx.redirect(`/merge/${run.id}`);
    } catch (error) {
      const { isFault, fields: wrong, message, status } = failureOf(error);
      if (isFault) throw error;
      await show(ctx, raw, { errors: wrong, message });
      ctx.status = status;
    }
  });
}

/** After a button that chose a model or took one away. */
function picked(fields: MergeFields, raw: RawForm): MergeFields {
  const [, letter, key] = SLOT.exec(String(raw.pick ?? '')) ?? [];
  return letter ? { ...fields, [letter]: key ?? '' } : fields;
}

/** After a button that fills the blocks in, by a preset or by numbers that were handed around. */
function withBlocks(
  fields: MergeFields,
  raw: RawForm,
  blocks: readonly string[],
): { readonly fields: MergeFields; readonly errors: Record<string, string> } {
  const act = String(raw.fill ?? '');
  if (act === '' || blocks.length === 0) return { fields, errors: {} };
  if (act === 'none') return { fields: { ...fields, blocks: {}, blockText: '' }, errors: {} };
  const preset = BLOCK_PRESETS.find((name) => name === act);
  const filled = preset ? presetBlocks(preset, blocks) : parseBlockText(fields.blockText, blocks);
  if (!filled) {
    const message = t('merge.error.block-text', { n: blocks.length, more: blocks.length + 1 });
    return { fields, errors: { blockText: message } };
  }
  const typed = Object.fromEntries(Object.entries(filled).map(([name, value]) => [name, String(value)]));
  return { fields: { ...fields, blocks: typed, blockText: '' }, errors: {} };
}

async function estimateText(
  ctx: Ctx,
  { merger, settings }: MergeDeps,
  viewer: Viewer,
  chosen: readonly Mergeable[],
): Promise<string> {
  const { work } = ctx.state;
  const parts = await partsOf(work, chosen);
  const { p50, p90 } = await merger.estimate(work.em, { family: chosen[0]?.family ?? '', parts });
  const price = await findPrice(work.em, settings, viewer, p50, work.now());
  const time = t('merge.estimate', { from: durationText(p50), to: durationText(p90) });
  if (!price?.cost) return time;
  const cost = t('credits.cost-fact', {
    cost: tCount('credits.cost', price.cost, price.cost.toLocaleString('en')),
    balance: price.balance.toLocaleString('en'),
  });
  return `${time} · ${cost}`;
}
