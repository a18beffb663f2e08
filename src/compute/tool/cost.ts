import { findPrice } from '../../economy/charge.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { GenerateForm } from '../form.ts';
import type { Generator } from '../generator.ts';
import { findCheckpoint } from '../models/choose.ts';
import { Families } from '../models/families.ts';
import type { FormValues } from './values.ts';

/** What stands beside the button that generates. */
export interface CostView {
  readonly cost: number;
  readonly balance: number;
  readonly missing: number;
}

/** What the form, as it stands, would cost; null where nothing is paid, and while nobody can say. */
export async function loadCost(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { generator, settings }: { readonly generator: Generator; readonly settings: Settings },
  viewer: Viewer,
  caps: EngineCaps,
  values: FormValues,
): Promise<CostView | null> {
  const form = GenerateForm.safeParse(values);
  if (!form.success) return null;
  const { model: key, width, height, steps, count } = form.data;
  const model = await findCheckpoint(em, viewer, key);
  const family = model && (await Families.read(em, caps)).of(model.baseModel);
  if (!family) return null;
  const { p50 } = await generator.estimate({ em }, { model: { family }, width, height, steps, count });
  const price = await findPrice(em, settings, viewer, p50, now());
  if (!price || price.cost === null || price.cost === 0) return null;
  const { cost, balance } = price;
  return { cost, balance, missing: Math.max(0, cost - balance) };
}
