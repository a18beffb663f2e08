import { Finding } from './finding.ts';
import { asList, asObject, isObject, type JsonObject } from './json.ts';
import { addLoraTags } from './prompt-tags.ts';

// Fooocus and its forks write JSON whose keys are either code names (`base_model`) or the labels of its page
// (`Base Model`), depending on version and carrier.

const key = (name: string): string => name.toLowerCase().replace(/[\s-]+/g, '_');

const HANDLED = [
  'prompt',
  'negative_prompt',
  'steps',
  'sampler',
  'scheduler',
  'seed',
  'guidance_scale',
  'base_model',
  'base_model_hash',
  'resolution',
  'loras',
  'vae',
  'version',
  'clip_skip',
  'refiner_model',
  'refiner_model_hash',
];

export function isFooocus(value: JsonObject): boolean {
  const names = new Set(Object.keys(value).map(key));
  return (
    names.has('prompt') &&
    (names.has('base_model') || names.has('metadata_scheme')) &&
    (names.has('performance') || names.has('sharpness') || names.has('styles') || names.has('version'))
  );
}

export function readFooocus(original: JsonObject, carrier: string): Finding {
  const value: Record<string, unknown> = Object.fromEntries(
    Object.entries(original).map(([name, inner]) => [key(name), inner]),
  );
  const finding = new Finding('Fooocus', carrier);
  finding.text('prompt', value.prompt).text('negativePrompt', value.negative_prompt).number('steps', value.steps);
  finding.text('sampler', value.sampler).text('scheduler', value.scheduler).seed(value.seed);
  finding
    .number('cfgScale', value.guidance_scale)
    .number('clipSkip', value.clip_skip)
    .size(value.resolution)
    .text('version', value.version);
  if (finding.recipe.width === undefined) finding.number('width', value.width).number('height', value.height);
  finding.model(value.base_model, value.base_model_hash);
  finding.resource('checkpoint', value.refiner_model, { hash: value.refiner_model_hash });
  if (typeof value.vae === 'string' && !/^default/i.test(value.vae))
    finding.text('vae', value.vae).resource('vae', value.vae);
  // [name, weight, hash] since 2.3; before, `LoRA 1`: `name : weight`, or `LoRA [name] weight`: number.
  for (const item of asList(value.loras)) {
    const [name, weight, hash] = Array.isArray(item)
      ? item
      : [asObject(item).name, asObject(item).weight, asObject(item).hash];
    finding.resource('lora', name, { weight, hash });
  }
  for (const [name, inner] of Object.entries(value)) {
    const numbered =
      /^(lora|lora_combined)_\d{1,2}$/.test(name) && typeof inner === 'string'
        ? /^(.{1,300}?) ?: ?(-?[\d.]{1,10})$/.exec(inner)
        : null;
    const bracketed = /^lora_\[(.{1,300})\]_weight$/.exec(name);
    if (numbered) finding.resource('lora', numbered[1], { weight: numbered[2] });
    if (bracketed) finding.resource('lora', bracketed[1], { weight: inner });
  }
  addLoraTags(finding, finding.recipe.prompt ?? '');
  return finding.others(value, HANDLED);
}

export const isRuinedFooocus = (value: JsonObject): boolean =>
  value.software === 'RuinedFooocus' || ('Prompt' in value && 'base_model_name' in value);

export function readRuinedFooocus(value: JsonObject, carrier: string): Finding {
  const finding = new Finding('RuinedFooocus', carrier);
  finding
    .text('prompt', value.Prompt)
    .text('negativePrompt', value.Negative)
    .number('steps', value.steps)
    .number('cfgScale', value.cfg);
  finding
    .number('width', value.width)
    .number('height', value.height)
    .seed(value.seed)
    .text('sampler', value.sampler_name);
  finding
    .text('scheduler', value.scheduler)
    .number('clipSkip', value.clip_skip)
    .number('denoisingStrength', value.denoise);
  finding.model(value.base_model_name, value.base_model_hash);
  for (const item of asList(value.loras)) {
    // { name, weight } or ["hash", "weight - file"], by version.
    if (isObject(item)) finding.resource('lora', item.name ?? item.lora, { weight: item.weight, hash: item.hash });
    if (!Array.isArray(item)) continue;
    const pair = /^(-?[\d.]{1,10}) - (.{1,300})$/.exec(String(item[1]));
    if (pair) finding.resource('lora', pair[2], { weight: pair[1], hash: item[0] });
    else finding.resource('lora', item[0], { weight: item[1] });
  }
  return finding.others(value, [
    'Prompt',
    'Negative',
    'steps',
    'cfg',
    'width',
    'height',
    'seed',
    'sampler_name',
    'scheduler',
    'base_model_name',
    'base_model_hash',
    'loras',
    'clip_skip',
    'denoise',
    'software',
  ]);
}
