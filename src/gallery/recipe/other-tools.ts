import { Finding, kindOf } from './finding.ts';
import { asList, asObject, type JsonObject, parseLooseJson } from './json.ts';
import { addLoraTags } from './prompt-tags.ts';

// Tools with one JSON form each.

export interface JsonForm {
  readonly matches: (value: JsonObject) => boolean;
  readonly read: (value: JsonObject, carrier: string) => Finding;
}

/** Draw Things: XMP, `c` and `uc` are the prompts. */
const drawThings: JsonForm = {
  matches: (value) => 'c' in value && ('uc' in value || 'v2' in value) && ('sampler' in value || 'steps' in value),
  read(value, carrier) {
    const finding = new Finding('Draw Things', carrier);
    const v2 = asObject(value.v2);
    finding
      .text('prompt', value.c)
      .text('negativePrompt', value.uc)
      .text('sampler', value.sampler)
      .seed(value.seed ?? v2.seed);
    finding
      .number('steps', value.steps ?? v2.steps)
      .number('cfgScale', value.scale ?? v2.guidanceScale)
      .size(value.size);
    finding.model(value.model ?? v2.model);
    if (Number(v2.clipSkip) > 0) finding.number('clipSkip', v2.clipSkip);
    if (Number(value.strength) < 1) finding.number('denoisingStrength', value.strength);
    for (const item of [...asList(value.lora), ...asList(v2.loras)]) {
      const lora = asObject(item);
      finding.resource('lora', lora.model ?? lora.file, { weight: lora.weight });
    }
    for (const item of asList(v2.controls))
      finding.resource('controlnet', asObject(item).file, { weight: asObject(item).weight });
    finding.resource('upscaler', v2.upscaler);
    return finding.others(value, [
      'c',
      'uc',
      'sampler',
      'seed',
      'steps',
      'scale',
      'size',
      'model',
      'lora',
      'v2',
      'strength',
    ]);
  },
};

/** Easy Diffusion: the same keys as JSON or as PNG texts; labels or code names, by version. */
const easyDiffusion: JsonForm = {
  matches: (value) =>
    'use_stable_diffusion_model' in value ||
    'Stable Diffusion model' in value ||
    ('num_inference_steps' in value && 'sampler_name' in value && 'use_vae_model' in value),
  read(value, carrier) {
    const finding = new Finding('Easy Diffusion', carrier);
    finding
      .text('prompt', value.prompt ?? value.Prompt)
      .text('negativePrompt', value.negative_prompt ?? value['Negative Prompt']);
    finding
      .seed(value.seed ?? value.Seed)
      .number('steps', value.num_inference_steps ?? value.Steps ?? value['Number of inference steps']);
    finding
      .number('cfgScale', value.guidance_scale ?? value['Guidance Scale'])
      .text('sampler', value.sampler_name ?? value.Sampler);
    finding.text('scheduler', value.scheduler_name);
    finding.number('width', value.width ?? value.Width).number('height', value.height ?? value.Height);
    finding.number(
      'clipSkip',
      value.clip_skip === true || value['Clip Skip'] === 'True' || value.clip_skip === 'True' ? 2 : undefined,
    );
    if (value.init_image ?? value['Prompt Strength'])
      finding.number('denoisingStrength', value.prompt_strength ?? value['Prompt Strength']);
    finding.model(value.use_stable_diffusion_model ?? value['Stable Diffusion model']);
    const vae = value.use_vae_model ?? value['VAE model'];
    finding
      .text('vae', vae)
      .resource('vae', vae)
      .resource('hypernet', value.use_hypernetwork_model ?? value['Hypernetwork model']);
    const loras = listOf(value.use_lora_model ?? value['LoRA model']);
    const weights = listOf(value.lora_alpha ?? value['LoRA Strength']);
    loras.forEach((name, at) => {
      finding.resource('lora', name, { weight: weights[at] });
    });
    finding.resource('upscaler', value.use_upscale ?? value['Use Upscaling']);
    return finding.others(value, [
      'prompt',
      'negative_prompt',
      'seed',
      'num_inference_steps',
      'guidance_scale',
      'sampler_name',
      'width',
      'height',
      'use_stable_diffusion_model',
      'use_vae_model',
      'use_lora_model',
      'lora_alpha',
      'Prompt',
      'Negative Prompt',
      'Seed',
      'Steps',
      'Guidance Scale',
      'Sampler',
      'Width',
      'Height',
      'Stable Diffusion model',
    ]);
  },
};

function listOf(value: unknown): readonly unknown[] {
  if (typeof value !== 'string')
    return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  const parsed = value.trim().startsWith('[') ? parseLooseJson(value.replaceAll("'", '"')) : undefined;
  return Array.isArray(parsed) ? parsed : value.split(',').map((part) => part.trim());
}

/** TensorArt: `generation_data`. */
const tensorArt: JsonForm = {
  matches: (value) =>
    ('baseModel' in value || 'models' in value || 'sdVae' in value) &&
    ('samplerName' in value || 'cfgScale' in value || 'sdVae' in value) &&
    'prompt' in value,
  read(value, carrier) {
    const finding = new Finding('TensorArt', carrier);
    finding
      .text('prompt', value.prompt)
      .text('negativePrompt', value.negativePrompt)
      .number('steps', value.steps)
      .seed(value.seed);
    finding
      .number('cfgScale', value.cfgScale)
      .number('guidance', value.guidance)
      .text('sampler', value.samplerName ?? value.sampler);
    finding
      .text('scheduler', value.schedulerName ?? value.scheduler)
      .number('width', value.width)
      .number('height', value.height);
    finding.number('clipSkip', value.clipSkip).number('denoisingStrength', value.denoisingStrength);
    const base = asObject(value.baseModel);
    finding.model(base.modelFileName ?? base.label ?? base.name, base.hash);
    finding.text('vae', value.sdVae && value.sdVae !== 'Automatic' ? value.sdVae : undefined);
    for (const item of asList(value.models)) {
      const model = asObject(item);
      const name = model.modelFileName ?? model.label ?? model.name;
      if (kindOf(model.type) === 'checkpoint') finding.model(name, model.hash);
      else finding.resource(kindOf(model.type) ?? 'lora', name, { weight: model.weight, hash: model.hash });
    }
    return finding.others(value, [
      'prompt',
      'negativePrompt',
      'steps',
      'seed',
      'cfgScale',
      'samplerName',
      'width',
      'height',
      'clipSkip',
      'baseModel',
      'models',
    ]);
  },
};

/** Stability Matrix: `parameters-json`, beside A1111 text, its project and often ComfyUI's graph. */
const stabilityMatrix: JsonForm = {
  matches: (value) => 'PositivePrompt' in value && ('ModelName' in value || 'CfgScale' in value),
  read(value, carrier) {
    const finding = new Finding('Stability Matrix', carrier);
    finding
      .text('prompt', value.PositivePrompt)
      .text('negativePrompt', value.NegativePrompt)
      .number('steps', value.Steps);
    finding
      .text('sampler', value.Sampler)
      .number('cfgScale', value.CfgScale)
      .seed(value.Seed)
      .model(value.ModelName, value.ModelHash);
    finding.number('width', value.Width).number('height', value.Height);
    const version = Number(value.ModelVersionId);
    const checkpoint = finding.resources.find(({ kind }) => kind === 'checkpoint');
    if (checkpoint && Number.isSafeInteger(version) && version > 0) checkpoint.modelVersionId = version;
    for (const id of asList(value.ExtraNetworkModelVersionIds))
      finding.resource('lora', `version ${String(id)}`, { modelVersionId: id });
    addLoraTags(finding, finding.recipe.prompt ?? '');
    return finding;
  },
};

/** Spaces on Hugging Face, most of which copied one another's keys. */
const huggingFace: JsonForm = {
  matches: (value) =>
    'prompt' in value &&
    ('num_inference_steps' in value || 'guidance_scale' in value) &&
    ('resolution' in value || 'seed' in value),
  read(value, carrier) {
    const finding = new Finding('Hugging Face Space', carrier);
    finding.text('prompt', value.prompt).text('negativePrompt', value.negative_prompt).seed(value.seed);
    finding
      .number('steps', value.num_inference_steps)
      .number('cfgScale', value.guidance_scale)
      .text('sampler', value.sampler ?? value.scheduler);
    finding.size(value.resolution);
    if (finding.recipe.width === undefined) finding.number('width', value.width).number('height', value.height);
    finding.model(value.Model ?? value.model ?? value.base_model, value['Model hash'] ?? value.model_hash);
    const lora = asObject(value.use_lora);
    finding.resource('lora', lora.selected_lora ?? lora.lora_path ?? value.lora ?? value.lora_path, {
      weight: lora.lora_scale ?? lora.scale ?? value.lora_scale,
    });
    for (const item of asList(value.loras)) {
      const entry = asObject(item);
      finding.resource('lora', entry.name ?? entry.path ?? item, { weight: entry.weight ?? entry.scale });
    }
    const upscaler = asObject(value.use_upscaler);
    finding
      .number('hiresUpscale', upscaler.upscale_by)
      .number('hiresSteps', upscaler.upscale_steps)
      .text('hiresUpscaler', upscaler.upscale_method);
    finding.number('denoisingStrength', upscaler.strength);
    return finding.others(value, [
      'prompt',
      'negative_prompt',
      'seed',
      'num_inference_steps',
      'guidance_scale',
      'sampler',
      'resolution',
      'Model',
      'Model hash',
      'model',
    ]);
  },
};

/** Any other JSON with a prompt and settings under their usual names. */
const plain: JsonForm = {
  matches: (value) =>
    typeof value.prompt === 'string' &&
    ['seed', 'steps', 'sampler', 'cfg_scale', 'cfgScale', 'model', 'negative_prompt', 'negativePrompt'].filter(
      (name) => name in value,
    ).length >= 2,
  read(value, carrier) {
    const finding = new Finding('unknown', carrier);
    finding
      .text('prompt', value.prompt)
      .text('negativePrompt', value.negative_prompt ?? value.negativePrompt)
      .seed(value.seed);
    finding
      .number('steps', value.steps)
      .number('cfgScale', value.cfg_scale ?? value.cfgScale ?? value.scale)
      .text('scheduler', value.scheduler);
    finding
      .text('sampler', value.sampler ?? value.sampler_name)
      .number('width', value.width)
      .number('height', value.height);
    finding.model(value.model ?? value.model_name, value.model_hash);
    return finding.others(value, [
      'prompt',
      'negative_prompt',
      'negativePrompt',
      'seed',
      'steps',
      'cfg_scale',
      'cfgScale',
      'scheduler',
      'sampler',
      'sampler_name',
      'width',
      'height',
      'model',
    ]);
  },
};

/** In order of how sure the match is. */
export const JSON_FORMS: readonly JsonForm[] = [
  easyDiffusion,
  stabilityMatrix,
  drawThings,
  tensorArt,
  huggingFace,
  plain,
];
