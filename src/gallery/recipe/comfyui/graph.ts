import { asList, asObject, isObject, type JsonObject } from '../json.ts';

// ComfyUI keeps two graphs. `prompt` is what ran: node id to class and inputs, where an input is a value or a link
// [node id, output number]. `workflow` is what the editor shows: nodes with values by position and a list of links; it
// is used only when the other is missing, and only for node types whose order of values is known.

export interface GraphNode {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly inputs: JsonObject;
  readonly breadth: number;
}

/**
 * Nodes by id. Links can be made to fork without end, so every walk pays from one purse, by the inputs that it looks
 * at; when it is empty, walks stop where they are.
 */
export class Graph extends Map<string, GraphNode> {
  workLeft = 1_000_000;

  /** Whether there is work left to look into this node. */
  visit(node: GraphNode): boolean {
    this.workLeft -= 5 + node.breadth;
    return this.workLeft > 0;
  }
}

const MOST_NODES = 3000;
const MOST_INPUTS = 300;

export function graphOfPrompt(value: unknown): Graph | null {
  if (!isObject(value)) return null;
  const graph = new Graph();
  for (const [id, node] of Object.entries(value).slice(0, MOST_NODES)) {
    if (!isObject(node) || typeof node.class_type !== 'string') continue;
    const title = asObject(node._meta).title;
    graph.set(id, nodeOf(id, node.class_type, title, asObject(node.inputs)));
  }
  return graph.size > 0 ? graph : null;
}

function nodeOf(id: string, type: string, title: unknown, all: JsonObject): GraphNode {
  const entries = Object.entries(all);
  const inputs = entries.length > MOST_INPUTS ? Object.fromEntries(entries.slice(0, MOST_INPUTS)) : all;
  const breadth = Math.min(entries.length, MOST_INPUTS);
  return { id, type: type.slice(0, 200), title: typeof title === 'string' ? title.slice(0, 200) : '', inputs, breadth };
}

/** The node that feeds an input, and which of its outputs; null when the input is a value. */
export function linkOf(graph: Graph, input: unknown): { node: GraphNode; output: number } | null {
  if (!Array.isArray(input) || input.length !== 2) return null;
  const node = typeof input[0] === 'string' || typeof input[0] === 'number' ? graph.get(String(input[0])) : undefined;
  return node ? { node, output: Number(input[1]) || 0 } : null;
}

/** Nodes that feed this one directly, by input name. */
export function sourcesOf(graph: Graph, node: GraphNode): { name: string; node: GraphNode }[] {
  return Object.entries(node.inputs).flatMap(([name, input]) => {
    const link = linkOf(graph, input);
    return link ? [{ name, node: link.node }] : [];
  });
}

/** These nodes and all that feed them, nearest first, following only inputs whose name passes. */
export function upstreamOf(
  graph: Graph,
  starts: readonly GraphNode[],
  follows: (input: string, node: GraphNode) => boolean = () => true,
): GraphNode[] {
  const seen = new Set(starts);
  for (const node of seen) {
    if (!graph.visit(node)) break;
    for (const source of sourcesOf(graph, node)) if (follows(source.name, node)) seen.add(source.node);
  }
  return [...seen];
}

/** Names of a node's values in the editor's order, for the common types; '' is a value that no input has. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  KSampler: ['seed', '', 'steps', 'cfg', 'sampler_name', 'scheduler', 'denoise'],
  KSamplerAdvanced: [
    'add_noise',
    'noise_seed',
    '',
    'steps',
    'cfg',
    'sampler_name',
    'scheduler',
    'start_at_step',
    'end_at_step',
  ],
  SamplerCustom: ['add_noise', 'noise_seed', '', 'cfg'],
  CLIPTextEncode: ['text'],
  CLIPTextEncodeFlux: ['clip_l', 't5xxl', 'guidance'],
  CLIPTextEncodeSDXL: ['width', 'height', 'crop_w', 'crop_h', 'target_width', 'target_height', 'text_g', 'text_l'],
  CheckpointLoaderSimple: ['ckpt_name'],
  CheckpointLoader: ['config_name', 'ckpt_name'],
  UNETLoader: ['unet_name'],
  UnetLoaderGGUF: ['unet_name'],
  LoraLoader: ['lora_name', 'strength_model', 'strength_clip'],
  LoraLoaderModelOnly: ['lora_name', 'strength_model'],
  VAELoader: ['vae_name'],
  CLIPSetLastLayer: ['stop_at_clip_layer'],
  EmptyLatentImage: ['width', 'height', 'batch_size'],
  EmptySD3LatentImage: ['width', 'height', 'batch_size'],
  KSamplerSelect: ['sampler_name'],
  BasicScheduler: ['scheduler', 'steps', 'denoise'],
  RandomNoise: ['noise_seed'],
  FluxGuidance: ['guidance'],
  CFGGuider: ['cfg'],
  UpscaleModelLoader: ['model_name'],
  ControlNetLoader: ['control_net_name'],
  PrimitiveNode: ['value'],
  PrimitiveString: ['value'],
  PrimitiveStringMultiline: ['value'],
  PrimitiveInt: ['value'],
  PrimitiveFloat: ['value'],
};

export function graphOfWorkflow(value: unknown): Graph | null {
  const workflow = asObject(value);
  const links = new Map<number, [string, number]>();
  for (const link of asList(workflow.links)) {
    // [link, from node, its output, to node, its input, type], or the same as an object in newer files.
    const [id, from, output] = Array.isArray(link)
      ? link
      : [asObject(link).id, asObject(link).origin_id, asObject(link).origin_slot];
    if (typeof id === 'number') links.set(id, [String(from), Number(output) || 0]);
  }
  const graph = new Graph();
  for (const item of asList(workflow.nodes).slice(0, MOST_NODES)) {
    // Mode 2 is muted and 4 bypassed: the node did not run.
    if (!isObject(item) || typeof item.type !== 'string' || item.mode === 2 || item.mode === 4) continue;
    const inputs: Record<string, unknown> = isObject(item.widgets_values) ? { ...item.widgets_values } : {};
    const values = asList(item.widgets_values);
    VALUES[item.type]?.forEach((name, at) => {
      if (name !== '' && values[at] !== undefined) inputs[name] = values[at];
    });
    if (!VALUES[item.type] && values.length > 0 && /lora/i.test(item.type)) {
      values.forEach((entry, at) => {
        if (isObject(entry) && typeof entry.lora === 'string') inputs[`lora_${at}`] = entry;
      });
    }
    for (const input of asList(item.inputs)) {
      const { name, link } = asObject(input);
      const source = typeof link === 'number' ? links.get(link) : undefined;
      if (typeof name === 'string' && source) inputs[name] = source;
    }
    const id = String(item.id);
    graph.set(id, nodeOf(id, item.type, item.title, inputs));
  }
  return graph.size > 0 ? graph : null;
}
