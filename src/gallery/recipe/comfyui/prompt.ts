import { type Graph, type GraphNode, linkOf } from './graph.ts';
import { textAt, type Walk } from './values.ts';

// From a sampler's `positive` or `negative` back to the words: through combiners, ControlNets and guidance to one or
// more text encoders.

const MOST_STEPS = 60;
const ENCODER_TEXTS = [
  ['text'],
  ['text_g', 'text_l'],
  ['clip_g', 'clip_l', 't5xxl', 'llama'],
  ['clip_l', 't5xxl'],
  ['bert', 'mt5xl'],
  ['populated_text', 'wildcard_text'],
  ['prompt'],
  ['positive_prompt'],
  ['user_prompt'],
  ['caption'],
] as const;
const ENCODER = /encode|prompt|condition|text/i;

export interface Conditioning {
  readonly texts: string[];
  guidance: unknown;
}

export function conditioningAt(graph: Graph, input: unknown, side: 'positive' | 'negative', walk: Walk): Conditioning {
  const found: Conditioning = { texts: [], guidance: undefined };
  collect(graph, input, side, walk, found, 0);
  return found;
}

function collect(
  graph: Graph,
  input: unknown,
  side: 'positive' | 'negative',
  walk: Walk,
  found: Conditioning,
  depth: number,
): void {
  const link = linkOf(graph, input);
  walk.left -= 1;
  if (!link || depth > MOST_STEPS || walk.left < 0 || !graph.visit(link.node)) return;
  const { node, output } = link;
  // Flux and its kin have no negative prompt: the graph zeroes a copy of the positive one.
  if (node.type === 'ConditioningZeroOut') return;
  if (node.inputs.guidance !== undefined && side === 'positive')
    found.guidance ??= textAt(graph, node.inputs.guidance, side, walk);

  const words = sidedText(graph, node, side, walk) ?? encoderText(graph, node, side, walk);
  if (words !== null) {
    if (!found.texts.includes(words)) found.texts.push(words);
    return;
  }
  // ControlNetApplyAdvanced and the like take both sides in and give both out, in this order.
  const sided = linkOf(graph, node.inputs.positive) && linkOf(graph, node.inputs.negative);
  if (sided) {
    const through = output === 1 ? 'negative' : output === 0 ? 'positive' : side;
    collect(graph, node.inputs[through], side, walk, found, depth + 1);
    return;
  }
  for (const [name, value] of Object.entries(node.inputs)) {
    if (!/^(conditioning|cond|positive|negative|pos|neg|pipe|basic_pipe|input|any|source|anything|value)/i.test(name))
      continue;
    if (name.startsWith(side === 'positive' ? 'neg' : 'pos')) continue;
    collect(graph, value, side, walk, found, depth + 1);
  }
}

/** A loader that holds both prompts as values (Efficient Loader, easy-use, tinyterra). */
function sidedText(graph: Graph, node: GraphNode, side: 'positive' | 'negative', walk: Walk): string | null {
  const names =
    side === 'positive'
      ? ['positive', 'positive_prompt', 'text_positive']
      : ['negative', 'negative_prompt', 'text_negative'];
  for (const name of names) {
    const input = node.inputs[name];
    if (typeof input === 'string') return input;
    const link = linkOf(graph, input);
    if (link && isLoader(node)) return textAt(graph, input, side, walk);
  }
  return null;
}

const isLoader = (node: GraphNode): boolean => /loader/i.test(node.type) && !/controlnet|ipadapter/i.test(node.type);

function encoderText(graph: Graph, node: GraphNode, side: 'positive' | 'negative', walk: Walk): string | null {
  if (!ENCODER.test(node.type)) return null;
  for (const names of ENCODER_TEXTS) {
    if (!names.some((name) => node.inputs[name] !== undefined)) continue;
    const texts = names.flatMap((name) => textAt(graph, node.inputs[name], side, walk) ?? []);
    const distinct = [...new Set(texts.map((text) => text.trim()))].filter((text) => text !== '');
    if (texts.length > 0) return distinct.join('\n');
  }
  return null;
}
