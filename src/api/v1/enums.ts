import { z } from 'zod';
import { FILE_KINDS, MODEL_TYPES } from '../../catalogue/types.ts';
import { rows, toBoolean } from '../../kit/database/sql.ts';
import type { Ask } from '../operation/define.ts';

export const Enums = z.object({
  ModelType: z.array(z.string()),
  ModelFileType: z.array(z.string()),
  ActiveBaseModel: z.array(z.string()),
  BaseModel: z.array(z.string()),
  BaseModelType: z.array(z.string()),
});

/** Base models are the owner's table: those that the forms offer are the active ones. */
export async function loadEnums(ask: Ask): Promise<z.output<typeof Enums>> {
  const { all, active } = await loadBaseModels(ask);
  return {
    ModelType: [...MODEL_TYPES],
    ModelFileType: [...FILE_KINDS],
    ActiveBaseModel: active,
    BaseModel: all,
    BaseModelType: ['Standard', 'Inpainting', 'Refiner', 'Pix2Pix'],
  };
}

async function loadBaseModels({ em }: Ask): Promise<{ all: string[]; active: string[] }> {
  const found = await rows<{ name: string; is_hidden: unknown }>(
    em,
    'select name, is_hidden from base_model order by position, name',
  );
  return {
    all: found.map(({ name }) => name),
    active: found.filter((row) => !toBoolean(row.is_hidden)).map(({ name }) => name),
  };
}

/** Words that two programs send as a base model to read the list out of the refusal. */
const PROBES: ReadonlySet<string> = new Set(['GetModels', 'gimmethelist']);
export const isProbe = (baseModels: readonly string[] | undefined): boolean =>
  baseModels?.length === 1 && PROBES.has(baseModels[0] ?? '');

/**
 * The refusal that they read, in the shapes of zod 3, for sd-civitai-browser-plus, and of zod 4 within a text, for
 * StabilityMatrix (spec/civitai-api.md 2.7).
 */
export async function probeAnswer(ask: Ask): Promise<{ error: object }> {
  const { active: options } = await loadBaseModels(ask);
  const wrong = { code: 'invalid_value', values: options, path: [], message: 'Invalid option' };
  return {
    error: {
      name: 'ZodError',
      message: JSON.stringify([{ code: 'invalid_union', errors: [[wrong]], path: ['baseModels'] }]),
      issues: [
        {
          code: 'invalid_union',
          path: ['baseModels'],
          message: 'Invalid input',
          unionErrors: [{ name: 'ZodError', issues: [{ code: 'invalid_enum_value', options, path: ['baseModels'] }] }],
        },
      ],
    },
  };
}
