import type { RawForm } from '../../kit/web/forms.ts';
import type { GenerationRequest } from '../model.ts';
import { withoutTags, withWords } from '../prompt/tags.ts';

/** What the fields of the form say, as a browser would send them. */
export type FormValues = RawForm;

export const listValue = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : (Array.isArray(value) ? value : [value]).filter((item) => item !== '');

export const textValue = (value: string | string[] | undefined): string => listValue(value)[0] ?? '';

/** A request as the form that made it; a seed that was drawn comes back empty unless it is wanted. */
export function valuesOf(generationId: string, request: GenerationRequest, seed: 'as sent' | 'kept'): FormValues {
  const { model, loras, width, height, embeddings = [], vae, variation, start, hires } = request;
  const keyOf = ({ fileId }: { readonly fileId: number | null }) => (fileId === null ? [] : [String(fileId)]);
  return {
    model: model.fileId === null ? model.sha256 : String(model.fileId),
    lora: loras.flatMap(keyOf),
    ...Object.fromEntries(loras.map(({ fileId, weight }) => [`weight-${fileId}`, String(weight)])),
    embedding: embeddings.flatMap(keyOf),
    ...(vae ? { vae: keyOf(vae)[0] ?? '' } : {}),
    ...{ prompt: withoutTags(request.prompt), negativePrompt: request.negativePrompt },
    ...{ size: `${width}x${height}`, width: String(width), height: String(height), steps: String(request.steps) },
    ...{ sampler: request.sampler, schedule: request.schedule, cfgScale: String(request.cfgScale) },
    ...{ count: String(request.count), clipSkip: String(request.clipSkip) },
    seed: seed === 'as sent' && request.isSeedDrawn ? '' : String(request.seed),
    ...(request.remixOfId ? { remixOf: String(request.remixOfId) } : {}),
    ...(request.cfgRescale ? { cfgRescale: String(request.cfgRescale) } : {}),
    ...(variation ? { subseed: String(variation.seed), subseedStrength: String(variation.strength) } : {}),
    ...(request.isRepeatable ? { repeatable: '1' } : {}),
    ...(request.rng ? { rng: request.rng } : {}),
    ...(request.format ? { format: request.format } : {}),
    ...(start
      ? {
          ...{ start: `gen:${generationId}`, denoise: String(start.denoise), resize: start.resize },
          ...(start.maskSha256 ? { mask: `mask:${generationId}` } : {}),
        }
      : {}),
    ...(hires
      ? {
          ...{ hires: '1', hiresScale: String(hires.scale), hiresSteps: String(hires.steps) },
          hiresDenoise: String(hires.denoise),
          hiresUpscaler: hires.upscalerFile ? (keyOf(hires.upscalerFile)[0] ?? '') : hires.upscaler,
        }
      : {}),
  };
}

/** The form after a button in it that changes it. Those that need the database are in acts.ts. */
export function afterAct(values: FormValues, act: string): FormValues {
  const [what = '', key = '', rest = ''] = act.split(':');
  switch (what) {
    case 'model':
      return { ...values, model: key, modelBefore: textValue(values.model), modelSearch: '' };
    case 'add':
      return { ...values, lora: withItem(values.lora, key), loraSearch: '' };
    case 'remove':
      return { ...values, lora: withoutItem(values.lora, key) };
    case 'add-embedding':
      return { ...values, embedding: withItem(values.embedding, key), embeddingSearch: '' };
    case 'remove-embedding':
      return { ...values, embedding: withoutItem(values.embedding, key) };
    case 'words': {
      const field = key === 'negative' ? 'negativePrompt' : 'prompt';
      return { ...values, [field]: withWords(textValue(values[field]), rest) };
    }
    case 'swap': {
      const [width = '', height = ''] = sizeOf(values);
      return { ...values, width: height, height: width, size: `${height}x${width}` };
    }
    case 'start-remove':
      return { ...values, start: '', mask: '' };
    case 'mask-remove':
      return { ...values, mask: '' };
    case 'remix-remove':
      return { ...values, remixOf: '' };
    case 'reset':
      return {};
    default:
      return values;
  }
}

const withItem = (value: string | string[] | undefined, item: string) => [
  ...listValue(value).filter((one) => one !== item),
  item,
];
const withoutItem = (value: string | string[] | undefined, item: string) =>
  listValue(value).filter((one) => one !== item);

function sizeOf(values: FormValues): readonly string[] {
  const size = /^(\d{2,4})x(\d{2,4})$/.exec(textValue(values.size));
  return size ? size.slice(1) : [textValue(values.width), textValue(values.height)];
}
