import { Finding, fileStem, kindOf } from './finding.ts';
import { asList, asObject, isObject, type JsonObject } from './json.ts';
import { addLoraTags } from './prompt-tags.ts';

// SwarmUI (and StableSwarmUI before it): one JSON of `sui_image_params`, `sui_extra_data` and, newer, `sui_models`,
// which gives each file its SHA-256 as `0x…` and says what it was used for.

const HANDLED = [
  'prompt',
  'negativeprompt',
  'model',
  'seed',
  'steps',
  'cfgscale',
  'width',
  'height',
  'sampler',
  'scheduler',
  'vae',
  'loras',
  'loraweights',
  'swarm_version',
  'clipstopatlayer',
  'fluxguidancescale',
];

export const isSwarm = (value: JsonObject): boolean => isObject(value.sui_image_params);

export function readSwarm(value: JsonObject, carrier: string): Finding {
  const finding = new Finding('SwarmUI', carrier);
  const used = asObject(value.sui_image_params);
  finding
    .text('prompt', used.prompt)
    .text('negativePrompt', used.negativeprompt)
    .seed(used.seed)
    .number('steps', used.steps);
  finding
    .number('cfgScale', used.cfgscale)
    .number('guidance', used.fluxguidancescale)
    .number('width', used.width)
    .number('height', used.height);
  finding
    .text('sampler', used.sampler ?? used.comfyuisampler)
    .text('scheduler', used.scheduler ?? used.comfyuischeduler);
  finding
    .text('version', used.swarm_version)
    .number('hiresUpscale', used.refinerupscale)
    .number('hiresSteps', used.refinersteps);
  if (used.initimage !== undefined || used.initimagecreativity !== undefined)
    finding.number('denoisingStrength', used.initimagecreativity);
  if (typeof used.clipstopatlayer === 'number') finding.number('clipSkip', Math.abs(used.clipstopatlayer));

  const hashOf = new Map<string, unknown>();
  for (const item of asList(value.sui_models)) {
    const { name, hash } = asObject(item);
    if (typeof name === 'string') hashOf.set(fileStem(name), hash);
  }
  const hash = (name: unknown): unknown => (typeof name === 'string' ? hashOf.get(fileStem(name)) : undefined);
  finding.model(used.model, hash(used.model));
  if (typeof used.vae === 'string')
    finding.text('vae', fileStem(used.vae)).resource('vae', used.vae, { hash: hash(used.vae) });

  const names = listOf(used.loras);
  const weights = listOf(used.loraweights);
  names.forEach((name, at) => {
    finding.resource('lora', name, { hash: hash(name), weight: weights[at] ?? 1 });
  });
  addLoraTags(finding, finding.recipe.prompt ?? '', (_, name) => {
    const found = hash(name);
    return typeof found === 'string' ? found : undefined;
  });
  for (const item of asList(value.sui_models)) {
    const { name, param, hash: digits } = asObject(item);
    const kind =
      param === 'loras'
        ? 'lora'
        : param === 'refinermodel'
          ? 'checkpoint'
          : kindOf(typeof param === 'string' ? param.replace(/model$|s$/, '') || 'model' : '');
    if (kind) finding.resource(kind, name, { hash: digits });
  }
  return finding.others(used, HANDLED).others(asObject(value.sui_extra_data));
}

/** A list, or a text with commas. */
const listOf = (value: unknown): readonly unknown[] =>
  typeof value === 'string' ? value.split(',').map((part) => part.trim()) : asList(value);
