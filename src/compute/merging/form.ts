import { z } from 'zod';
import type { RawForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { textValue } from '../tool/values.ts';
import { BASE_BLOCK } from './blocks.ts';
import { MERGE_KINDS } from './model.ts';
import { MERGE_DTYPES, MERGE_METHODS, MergeSettings } from './params.ts';

/** The numbers as they were typed, for a form that comes back. */
export interface MergeFields {
  readonly kind: (typeof MERGE_KINDS)[number];
  readonly name: string;
  readonly search: string;
  readonly a: string;
  readonly b: string;
  readonly c: string;
  readonly method: (typeof MERGE_METHODS)[number];
  readonly alpha: string;
  readonly beta: string;
  readonly weights: readonly [string, string, string];
  readonly dtype: (typeof MERGE_DTYPES)[number];
  readonly rank: string;
  /** By name; '' is as alpha. */
  readonly blocks: Readonly<Record<string, string>>;
  readonly blockText: string;
}

const key = z
  .string()
  .regex(/^(?:[1-9]\d{0,9}|[0-9a-f]{64})?$/)
  .catch('')
  .default('');
const text = (most: number) => z.string().trim().max(most).catch('').default('');
const Plain = z.object({
  kind: z.enum(MERGE_KINDS).catch('checkpoint').default('checkpoint'),
  name: text(120),
  q: text(100),
  ...{ a: key, b: key, c: key },
  method: z.enum(MERGE_METHODS).optional().catch(undefined),
  ...{ alpha: text(20), beta: text(20), weightA: text(20), weightB: text(20), weightC: text(20), rank: text(10) },
  dtype: z.enum(MERGE_DTYPES).catch('fp16').default('fp16'),
  blockText: text(2_000),
});

/** Names of fields of blocks, as they are sent. */
const BLOCK = /^block-(BASE|M00|(?:IN|OUT)\d\d)$/;

/** What was sent, as far as it is well made; the rest is as on a fresh page. */
export function readFields(raw: RawForm): MergeFields {
  const plain = Plain.parse(Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, textValue(value)])));
  const { q: search, kind, method, weightA, weightB, weightC, alpha, ...rest } = plain;
  const blocks: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw).slice(0, 200)) {
    const block = BLOCK.exec(name)?.[1];
    if (block && textValue(value).trim() !== '') blocks[block] = textValue(value).trim().slice(0, 20);
  }
  return {
    ...rest,
    ...{ kind, search, blocks, alpha: alpha === '' ? '0.5' : alpha },
    // LoRAs are mostly stacked, each with its own weight
    method: method ?? (kind === 'lora' ? 'sum' : 'weighted_sum'),
    weights: [weightA || '1', weightB || '1', weightC || '1'],
  };
}

/** Reads the numbers. A field that is wrong has a message under its own name. */
export function readSettings(
  fields: MergeFields,
):
  | { readonly settings: MergeSettings; readonly errors: null }
  | { readonly settings: null; readonly errors: Record<string, string> } {
  const errors: Record<string, string> = {};
  const number = (name: string, value: string): number => {
    const found = Number(value.replace(',', '.'));
    if (value.trim() !== '' && Number.isFinite(found) && Math.abs(found) <= 2) return found;
    errors[name] = t('merge.error.number');
    return 0;
  };
  const count = fields.c === '' ? 2 : 3;
  const { method, dtype, rank } = fields;
  const settings = {
    ...{ method, dtype },
    alpha: method === 'sum' ? 0.5 : number('alpha', fields.alpha),
    beta: method === 'weighted_sum' && count === 3 ? number('beta', fields.beta || '0') : 0,
    weights:
      method === 'sum' ? fields.weights.slice(0, count).map((value, n) => number(`weight${'ABC'[n]}`, value)) : [],
    blocks:
      method === 'sum'
        ? {}
        : Object.fromEntries(
            Object.entries(fields.blocks).map(([name, value]) => [name, number(`block-${name}`, value)]),
          ),
    rank: rank === '' ? null : Number(rank),
  };
  const parsed = MergeSettings.safeParse(settings);
  if (!parsed.success) errors.rank ??= t('merge.error.rank-number');
  if (!parsed.success || Object.keys(errors).length > 0) return { settings: null, errors };
  return { settings: parsed.data, errors: null };
}

/** Names of the fields of blocks of a family, BASE first. */
export const blockNames = (blocks: readonly string[]): string[] => [BASE_BLOCK, ...blocks];
