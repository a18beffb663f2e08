import { Finding } from './finding.ts';
import { asList, asObject, isObject, type JsonObject } from './json.ts';

// InvokeAI has written four forms: a command line (`Dream`), `sd-metadata` up to 2.3, and `invokeai_metadata` since 3,
// in which names of keys changed once more.

const HANDLED = [
  'positive_prompt',
  'negative_prompt',
  'steps',
  'cfg_scale',
  'scheduler',
  'seed',
  'width',
  'height',
  'model',
  'vae',
  'loras',
  'app_version',
  'clip_skip',
  'strength',
];

export const isInvokeMetadata = (value: JsonObject): boolean =>
  'positive_prompt' in value &&
  ('app_version' in value || 'generation_mode' in value || 'cfg_scale' in value || 'model' in value);

export function readInvokeMetadata(value: JsonObject, carrier: string): Finding {
  const finding = new Finding('InvokeAI', carrier);
  finding.text('prompt', joined(value.positive_prompt, value.positive_style_prompt));
  finding.text('negativePrompt', joined(value.negative_prompt, value.negative_style_prompt));
  finding
    .number('steps', value.steps)
    .number('cfgScale', value.cfg_scale)
    .number('guidance', value.guidance)
    .seed(value.seed);
  finding.text('sampler', value.scheduler).number('width', value.width).number('height', value.height);
  finding.text('version', value.app_version).number('denoisingStrength', value.strength);
  if (Number(value.clip_skip) > 0) finding.number('clipSkip', Number(value.clip_skip) + 1);
  const model = typeof value.model === 'string' ? { name: value.model } : asObject(value.model);
  finding.model(model.name ?? model.model_name, model.hash);
  const vae = asObject(value.vae);
  finding.text('vae', vae.name ?? vae.model_name).resource('vae', vae.name ?? vae.model_name, { hash: vae.hash });
  for (const item of asList(value.loras)) {
    // 3.x: { lora: { model_name } , weight }; 4 and later: { model: { name, hash }, weight }.
    const entry = asObject(item);
    const lora = asObject(entry.model ?? entry.lora);
    finding.resource('lora', lora.name ?? lora.model_name ?? entry.name, { hash: lora.hash, weight: entry.weight });
  }
  for (const item of asList(value.controlnets)) {
    const model = asObject(asObject(item).control_model);
    finding.resource('controlnet', model.name ?? model.model_name, {
      hash: model.hash,
      weight: asObject(item).control_weight,
    });
  }
  const refiner = asObject(value.refiner_model);
  finding.resource('checkpoint', refiner.name ?? refiner.model_name, { hash: refiner.hash });
  return finding.others(value, HANDLED);
}

function joined(prompt: unknown, style: unknown): unknown {
  const isSame = typeof style !== 'string' || style.trim() === '' || style === prompt;
  return typeof prompt === 'string' && !isSame ? `${prompt}\n${style}` : prompt;
}

export const isOldInvokeMetadata = (value: JsonObject): boolean =>
  isObject(value.image) && ('model_weights' in value || 'app_id' in value || 'model_hash' in value);

export function readOldInvokeMetadata(value: JsonObject, carrier: string): Finding {
  const finding = new Finding('InvokeAI', carrier);
  const image = asObject(value.image);
  const parts =
    typeof image.prompt === 'string' ? [image.prompt] : asList(image.prompt).map((part) => asObject(part).prompt);
  readBracketedPrompt(finding, parts.filter((part) => typeof part === 'string').join(', '));
  finding
    .number('steps', image.steps)
    .number('cfgScale', image.cfg_scale)
    .seed(image.seed)
    .text('sampler', image.sampler);
  finding.number('width', image.width).number('height', image.height).text('version', value.app_version);
  finding.number('denoisingStrength', image.strength);
  finding.model(value.model_weights, value.model_hash);
  return finding.others(image, ['prompt', 'steps', 'cfg_scale', 'seed', 'sampler', 'width', 'height', 'strength']);
}

/** Before 3.0 the negative prompt stood in square brackets within the prompt. */
function readBracketedPrompt(finding: Finding, prompt: string): void {
  const negatives: string[] = [];
  const positive = prompt.replace(/\[([^[\]]{0,20000})\]/g, (_, inside: string) => {
    negatives.push(inside.trim());
    return '';
  });
  finding.text('prompt', positive);
  if (negatives.length > 0) finding.text('negativePrompt', negatives.join(', '));
}

const FLAGS: Readonly<Record<string, string>> = {
  s: 'steps',
  steps: 'steps',
  S: 'seed',
  seed: 'seed',
  W: 'width',
  width: 'width',
  H: 'height',
  height: 'height',
  C: 'cfgScale',
  cfg_scale: 'cfgScale',
  A: 'sampler',
  sampler: 'sampler',
  f: 'denoisingStrength',
  strength: 'denoisingStrength',
  m: 'model',
  model: 'model',
};

/** `"a cat [dog]" -s 50 -S 2980747362 -W 512 -H 768 -C 7.5 -A k_lms` */
export function readDream(text: string, carrier: string): Finding | null {
  const quoted = /^\s*"((?:[^"\\]|\\.)*)"/.exec(text);
  const flagsAt = quoted ? quoted[0].length : text.search(/\s-[a-zA-Z]\s/);
  if (flagsAt < 0) return null;
  const finding = new Finding('InvokeAI', carrier);
  readBracketedPrompt(finding, (quoted?.[1] ?? text.slice(0, flagsAt)).replace(/\\(["\\])/g, '$1'));
  for (const match of text.slice(flagsAt).matchAll(/(?:^|\s)--?([A-Za-z][\w-]{0,30})[ =]([^\s-]\S{0,200})/g)) {
    const [, flag = '', value = ''] = match;
    const field = FLAGS[flag];
    if (field === 'seed') finding.seed(value);
    else if (field === 'sampler') finding.text('sampler', value);
    else if (field === 'model') finding.model(value);
    else if (
      field === 'steps' ||
      field === 'width' ||
      field === 'height' ||
      field === 'cfgScale' ||
      field === 'denoisingStrength'
    )
      finding.number(field, value);
    else finding.other(flag, value);
  }
  return finding;
}
