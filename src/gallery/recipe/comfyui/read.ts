import { type Basis, Finding } from '../finding.ts';
import { asList, asObject, isObject, type JsonObject, parseLooseJson } from '../json.ts';
import { addLoraTags } from '../prompt-tags.ts';
import { type Graph, type GraphNode, graphOfPrompt, graphOfWorkflow, linkOf, sourcesOf, upstreamOf } from './graph.ts';
import { conditioningAt } from './prompt.ts';
import { addResourcesOf, checkpointsOf } from './resources.ts';
import { newWalk, valueAt } from './values.ts';

// The first sampler from the empty picture on made the image; later ones with less noise refined it. Everything is read
// by walking back along the links from there, because a graph holds much that had no part in this image.

const LATENT =
  /^(latent|latent_image|samples|latents|optional_latent|image|images|pixels|pipe|basic_pipe|sdxl_tuple|input|any|source|image_pass)/i;
const MODEL =
  /^(model|models|unet|guider|pipe|basic_pipe|base_model|sdxl_tuple|MODEL|optional_lora_stack|lora_stack|input|any|source|model_)/i;

const MOST_SAMPLERS = 40;

export function readComfyPrompt(value: unknown, carrier: string): Finding | null {
  const graph = graphOfPrompt(value);
  if (!graph) return null;
  const finding = readGraph(graph, carrier, 'graph');
  readCivitaiExtras(asObject(value), finding);
  return finding;
}

export function readComfyWorkflow(value: unknown, carrier: string): Finding | null {
  const graph = graphOfWorkflow(value);
  return graph ? readGraph(graph, carrier, 'editor') : null;
}

function readGraph(graph: Graph, carrier: string, basis: Basis): Finding {
  const finding = new Finding('ComfyUI', carrier, basis);
  const outputs = [...graph.values()].filter((node) => isOutput(graph, node));
  const used = upstreamOf(graph, outputs.length > 0 ? outputs : [...graph.values()]);
  const usedSamplers = used.filter((node) => isSampler(graph, node));
  const anySamplers =
    usedSamplers.length > 0 ? usedSamplers : [...graph.values()].filter((node) => isSampler(graph, node));
  const samplers = anySamplers.slice(0, MOST_SAMPLERS);
  const base = baseSampler(graph, samplers);
  if (base) {
    readSampler(graph, base, finding);
    readLaterPasses(graph, base, samplers, finding);
  } else {
    readEncodersOnly(used, finding, graph);
  }
  for (const node of used) addResourcesOf(graph, node, finding);
  finding.text('vae', finding.resources.find(({ kind }) => kind === 'vae')?.name);
  return finding;
}

const isOutput = (graph: Graph, node: GraphNode): boolean =>
  /save|preview|output|websocket|combine/i.test(node.type) &&
  Object.entries(node.inputs).some(
    ([name, input]) => /image|video|frames|images|samples/i.test(name) && linkOf(graph, input),
  );

function isSampler(graph: Graph, node: GraphNode): boolean {
  const { inputs } = node;
  if (
    /select|scheduler|detailer|upscale|config|settings|preset|selector|noise$/i.test(node.type) &&
    !/ksampler/i.test(node.type)
  )
    return false;
  if (/samplerselect|ksampler ?config|ksampler ?provider/i.test(node.type)) return false;
  const hasConditioning = [
    'positive',
    'guider',
    'conditioning',
    'pipe',
    'basic_pipe',
    'sdxl_tuple',
    'text_embeds',
  ].some((name) => linkOf(graph, inputs[name]));
  const hasSteps = inputs.steps !== undefined || inputs.sigmas !== undefined;
  return (
    hasConditioning &&
    (hasSteps || /sampler/i.test(node.type)) &&
    (inputs.seed ?? inputs.noise_seed ?? inputs.noise ?? inputs.steps) !== undefined
  );
}

function baseSampler(graph: Graph, samplers: readonly GraphNode[]): GraphNode | undefined {
  const set = new Set(samplers);
  const first = samplers.filter((node) =>
    upstreamOf(graph, [node], (name) => LATENT.test(name)).every((other) => other === node || !set.has(other)),
  );
  const fromNoise = first.find((node) => (valueAt(graph, node.inputs.denoise, 'denoise') ?? 1) === 1);
  return fromNoise ?? first[0] ?? samplers[0];
}

function readSampler(graph: Graph, node: GraphNode, finding: Finding): void {
  const { inputs } = node;
  const value = (source: JsonObject, name: string): unknown => valueAt(graph, source[name], name);
  const guider = linkOf(graph, inputs.guider)?.node;
  const near = upstreamOf(graph, [node], (name) =>
    /^(noise|sampler|sigmas|guider|pipe|basic_pipe|sdxl_tuple|settings)/.test(name),
  );
  const nearest = (name: string): unknown =>
    near.map((source) => value(source.inputs, name)).find((found) => found !== null && found !== undefined);

  finding.seed(value(inputs, 'seed') ?? value(inputs, 'noise_seed') ?? nearest('noise_seed') ?? nearest('seed'));
  finding.number('steps', value(inputs, 'steps') ?? nearest('steps'));
  finding.number('cfgScale', value(inputs, 'cfg') ?? nearest('cfg') ?? nearest('cfg_conds'));
  finding.text(
    'sampler',
    samplerName(value(inputs, 'sampler_name') ?? nearest('sampler_name')) ??
      namedByType(linkOf(graph, inputs.sampler)?.node, /^Sampler/),
  );
  finding.text(
    'scheduler',
    value(inputs, 'scheduler') ?? nearest('scheduler') ?? namedByType(linkOf(graph, inputs.sigmas)?.node, /Scheduler$/),
  );
  const denoise = Number(value(inputs, 'denoise') ?? nearest('denoise') ?? 1);
  if (denoise < 1) finding.number('denoisingStrength', denoise);

  const source = guider?.inputs ?? inputs;
  const pipe = inputs.pipe ?? inputs.basic_pipe ?? inputs.sdxl_tuple ?? inputs.text_embeds;
  const positive = conditioningAt(
    graph,
    source.positive ?? source.conditioning ?? source.cond1 ?? pipe,
    'positive',
    newWalk(),
  );
  const negative = conditioningAt(
    graph,
    source.negative ?? (source.positive ? undefined : pipe),
    'negative',
    newWalk(),
  );
  if (positive.texts.length > 0) finding.text('prompt', positive.texts.join('\n'));
  if (negative.texts.length > 0) finding.text('negativePrompt', negative.texts.join('\n'));
  finding.number('guidance', positive.guidance);
  for (const text of [...positive.texts, ...negative.texts]) addLoraTags(finding, text);

  readModel(graph, node, finding);
  readSize(graph, node, finding);
}

/** `sample_dpmpp_2m` in graphs of 2023. */
const samplerName = (name: unknown): string | undefined =>
  typeof name === 'string' ? name.replace(/^sample_/, '') : undefined;

/** A node like SamplerDPMPP_2M_SDE or KarrasScheduler says by its type what it is. */
const namedByType = (node: GraphNode | undefined, word: RegExp): string | undefined =>
  node && word.test(node.type) ? node.type.replace(word, '').toLowerCase() || undefined : undefined;

function readModel(graph: Graph, sampler: GraphNode, finding: Finding): void {
  const chain = upstreamOf(graph, [sampler], (name) => MODEL.test(name));
  const [checkpoint] = chain.flatMap((node) => checkpointsOf(graph, node));
  if (checkpoint) finding.model(checkpoint);
  const clips = upstreamOf(graph, [sampler], (name) => !LATENT.test(name) || name.startsWith('pipe'));
  for (const node of clips) {
    const layer = valueAt(graph, node.inputs.stop_at_clip_layer ?? node.inputs.clip_skip, 'stop_at_clip_layer');
    if (typeof layer === 'number' && layer !== 0) return void finding.number('clipSkip', Math.abs(layer));
  }
}

function readSize(graph: Graph, sampler: GraphNode, finding: Finding): void {
  for (const node of upstreamOf(graph, [sampler], (name) => LATENT.test(name))) {
    const width = valueAt(graph, node.inputs.width ?? node.inputs.empty_latent_width ?? node.inputs.Width, 'width');
    const height = valueAt(
      graph,
      node.inputs.height ?? node.inputs.empty_latent_height ?? node.inputs.Height,
      'height',
    );
    if (Number(width) > 0 && Number(height) > 0) return void finding.number('width', width).number('height', height);
    for (const name of ['resolution', 'dimensions', 'aspect_ratio', 'size', 'ratio_selected']) {
      const match =
        typeof node.inputs[name] === 'string' ? /(\d{2,5}) ?[x×*] ?(\d{2,5})/.exec(node.inputs[name]) : null;
      if (match) return void finding.number('width', match[1]).number('height', match[2]);
    }
  }
}

/** Samplers after the first that start from less than full noise are what other tools call hires fix. */
function readLaterPasses(graph: Graph, base: GraphNode, samplers: readonly GraphNode[], finding: Finding): void {
  for (const node of samplers) {
    if (node === base || !upstreamOf(graph, [node], (name) => LATENT.test(name)).includes(base)) continue;
    const denoise = Number(valueAt(graph, node.inputs.denoise, 'denoise') ?? 1);
    if (!(denoise > 0 && denoise < 1)) continue;
    finding.number('hiresSteps', valueAt(graph, node.inputs.steps, 'steps'));
    if (finding.recipe.denoisingStrength === undefined) finding.number('denoisingStrength', denoise);
    for (const between of upstreamOf(graph, [node], (name) => LATENT.test(name))) {
      const scale = valueAt(graph, between.inputs.scale_by, 'scale_by');
      if (typeof scale === 'number') return void finding.number('hiresUpscale', scale);
      const upscaler = linkOf(graph, between.inputs.upscale_model)?.node.inputs.model_name;
      if (typeof upscaler === 'string') finding.text('hiresUpscaler', upscaler.replace(/\.\w+$/, ''));
    }
    return;
  }
}

/** A graph whose sampler nobody here knows still has text encoders. */
function readEncodersOnly(nodes: readonly GraphNode[], finding: Finding, graph: Graph): void {
  const words = nodes
    .filter((node) => /textencode|prompt/i.test(node.type) && sourcesOf(graph, node).length < 10)
    .map((node) => ({
      isNegative: /negative|neg\b/i.test(node.title + node.type),
      text: conditioningAt(graph, [node.id, 0], 'positive', newWalk()).texts[0],
    }));
  finding.text('prompt', words.find(({ isNegative, text }) => !isNegative && text)?.text);
  finding.text('negativePrompt', words.find(({ isNegative, text }) => isNegative && text)?.text);
  for (const node of nodes) {
    const [checkpoint] = checkpointsOf(graph, node);
    if (checkpoint && finding.recipe.modelName === undefined) finding.model(checkpoint);
    if (finding.recipe.seed === undefined)
      finding.seed(valueAt(graph, node.inputs.seed ?? node.inputs.noise_seed, 'seed'));
    if (finding.recipe.steps === undefined) finding.number('steps', valueAt(graph, node.inputs.steps, 'steps'));
    if (finding.recipe.cfgScale === undefined) finding.number('cfgScale', valueAt(graph, node.inputs.cfg, 'cfg'));
  }
}

/** Graphs made on Civitai: `extra.airs`, and `extraMetadata` with the settings of its form. */
function readCivitaiExtras(prompt: JsonObject, finding: Finding): void {
  const extra = asObject(prompt.extra);
  for (const air of asList(extra.airs)) if (typeof air === 'string') finding.resource('lora', air, { air });
  const metadata = prompt.extraMetadata ?? extra.extraMetadata;
  const form = typeof metadata === 'string' ? parseLooseJson(metadata) : metadata;
  if (!isObject(form)) return;
  finding.text('prompt', form.prompt).text('negativePrompt', form.negativePrompt).text('sampler', form.sampler);
  finding
    .number('steps', form.steps)
    .number('cfgScale', form.cfgScale)
    .number('clipSkip', form.clipSkip)
    .seed(form.seed);
  finding.number('width', form.width).number('height', form.height);
  for (const item of asList(form.resources)) {
    if (!isObject(item)) continue;
    const id = item.modelVersionId ?? item.id;
    const known = finding.resources.find(({ modelVersionId }) => modelVersionId === Number(id));
    finding.resource(known?.kind ?? 'lora', known?.name ?? item.modelName ?? `version ${String(id)}`, {
      modelVersionId: id,
      weight: item.strength ?? item.weight,
    });
  }
}
