import type { Finding } from '../finding.ts';
import { asList, isObject } from '../json.ts';
import { addEmbeddingTags, addLoraTags } from '../prompt-tags.ts';
import type { ResourceKind } from '../recipe.ts';
import { type Graph, type GraphNode, linkOf } from './graph.ts';
import { newWalk, textAt, valueAt } from './values.ts';

// Which files a graph used. Loaders are known by the names of their inputs, which the many loader packs share, rather
// than by their types, of which there are hundreds.

const KINDS: Readonly<Record<string, ResourceKind>> = {
  ckpt_name: 'checkpoint',
  base_ckpt_name: 'checkpoint',
  refiner_ckpt_name: 'checkpoint',
  unet_name: 'checkpoint',
  checkpoint_name: 'checkpoint',
  gguf_name: 'checkpoint',
  vae_name: 'vae',
  control_net_name: 'controlnet',
  controlnet_name: 'controlnet',
  hypernetwork_name: 'hypernet',
  upscale_model_name: 'upscaler',
  upscale_model: 'upscaler',
};
const MODEL_FILE = /\.(safetensors|ckpt|pt|pth|bin|gguf|sft|onnx)$/i;

/** Names of checkpoints that the node loads. */
export function checkpointsOf(graph: Graph, node: GraphNode): string[] {
  return Object.entries(node.inputs).flatMap(([name, input]) => {
    if (kindOfInput(node, name, input) !== 'checkpoint') return [];
    const file = textAt(graph, input, 'positive', newWalk());
    return file ? [file] : [];
  });
}

export function addResourcesOf(graph: Graph, node: GraphNode, finding: Finding): void {
  for (const [name, input] of Object.entries(node.inputs)) {
    const kind = kindOfInput(node, name, input);
    if (kind) {
      const strength = node.inputs.strength;
      finding.resource(
        kind,
        textAt(graph, input, 'positive', newWalk()),
        kind === 'hypernet' ? { weight: strength } : {},
      );
    }
    if (typeof input === 'string' && input.includes('<')) addLoraTags(finding, input);
    if (typeof input === 'string' && input.includes('embedding:')) addEmbeddingTags(finding, input);
  }
  if (/lora|efficient|easy|loader|stack/i.test(node.type)) addLoras(graph, node, finding);
}

function kindOfInput(node: GraphNode, name: string, input: unknown): ResourceKind | undefined {
  const known = KINDS[name] ?? (/^ckpt_name[_\d]+$/.test(name) ? 'checkpoint' : undefined);
  if (known) return Array.isArray(input) && known === 'upscaler' ? undefined : known;
  if (name !== 'model_name' && name !== 'model' && name !== 'model_path') return undefined;
  if (/upscale/i.test(node.type)) return name === 'model_name' ? 'upscaler' : undefined;
  const isFile = typeof input === 'string' && MODEL_FILE.test(input);
  if (!isFile || /clip|vision|ipadapter|sam|detector|ultralytics|insight|rembg|style|text|t5|caption/i.test(node.type))
    return undefined;
  if (/vae/i.test(node.type)) return 'vae';
  if (/controlnet/i.test(node.type)) return 'controlnet';
  return /load|model|checkpoint|unet/i.test(node.type) ? 'checkpoint' : undefined;
}

function addLoras(graph: Graph, node: GraphNode, finding: Finding): void {
  const { inputs } = node;
  const number = (...names: string[]): unknown => {
    const name = names.find((candidate) => inputs[candidate] !== undefined);
    return name === undefined ? undefined : valueAt(graph, inputs[name], name);
  };
  const count = Number(inputs.lora_count ?? inputs.num_loras ?? Number.POSITIVE_INFINITY);
  for (const [name, input] of Object.entries(inputs)) {
    // rgthree's Power Lora Loader: lora_1: { on, lora, strength, strengthTwo }.
    if (isObject(input) && typeof input.lora === 'string') {
      if (input.on !== false) finding.resource('lora', input.lora, { weight: input.strength });
      continue;
    }
    // LoRA Manager: loras: { __value__: [{ name, strength, active }] }, or the list itself.
    const listed = isObject(input) ? input.__value__ : input;
    if (/^loras?$/.test(name) && Array.isArray(listed) && !linkOf(graph, input)) {
      for (const item of asList(listed)) {
        if (isObject(item) && item.active !== false)
          finding.resource('lora', item.name ?? item.lora, { weight: item.strength });
      }
      continue;
    }
    const single = /^(lora_name|lora)$/.test(name);
    const numbered = /^(?:lora_name_?|lora_)0?(\d{1,2})(?:_name)?$/.exec(name);
    if (!single && !numbered) continue;
    const file = typeof input === 'string' ? input : textAt(graph, input, 'positive', newWalk());
    if (file === null || (single && name === 'lora' && !MODEL_FILE.test(file))) continue;
    const at = numbered?.[1] ?? '';
    if (
      at !== '' &&
      (Number(at) > count || /^(off|false)$/i.test(String(inputs[`switch_${at}`] ?? inputs[`lora_${at}_on`] ?? 'on')))
    )
      continue;
    const weight = single
      ? number(
          'strength_model',
          'lora_model_strength',
          'strength',
          'lora_wt',
          'model_strength',
          'weight',
          'lora_strength',
        )
      : inputs.input_mode === 'simple'
        ? number(`lora_wt_${at}`)
        : number(
            `model_str_${at}`,
            `model_weight_${at}`,
            `lora_wt_${at}`,
            `strength_0${at}`,
            `strength_${at}`,
            `lora_${at}_strength`,
            `lora_${at}_model_strength`,
            `strength_model_${at}`,
            `lora_weight_${at}`,
          );
    // A strength of zero switches a LoRA off, and that is how people leave one in a graph unused.
    if (weight !== 0) finding.resource('lora', file, { weight });
  }
}
