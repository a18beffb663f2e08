import { isObject } from '../json.ts';
import { type Graph, type GraphNode, linkOf } from './graph.ts';

// Any value of a node may come from another node instead: a primitive, a text joined from parts, a switch, a reroute.
// Nodes of hundreds of authors do this; most follow a few habits of naming, which are what is followed here.

const MOST_STEPS = 60;
const MOST_TEXT_LENGTH = 100_000;

/** How much of a graph one question may visit: links can be made to fork without end. */
export interface Walk {
  left: number;
}

export const newWalk = (): Walk => ({ left: 400 });

const TEXT_INPUTS = [
  'populated_text',
  'text',
  'string',
  'value',
  'prompt',
  'Text',
  'String',
  'STRING',
  'text_positive',
  'wildcard_text',
  'text_0',
  'text1',
  'text_a',
  'string_a',
  'input',
  'any',
  'anything',
  'source',
  'val',
  'content',
];
const JOINED =
  /^(text|string|prompt|str|input|arg|any|append|line)[_ ]?([a-z]|\d{1,2})$|^(prefix|suffix|pre_text|post_text|prepend|append|text_list)$/i;
const JOINER = /concat|join|combine|append|merge|string ?function|multiple ?text/i;
const NUMBER_INPUTS = [
  'value',
  'int',
  'INT',
  'number',
  'float',
  'FLOAT',
  'Value',
  'Number',
  'a',
  'val',
  'input',
  'any',
];

/** The text of an input, through whatever nodes it comes; null when it cannot be known from the graph. */
export function textAt(
  graph: Graph,
  input: unknown,
  side: 'positive' | 'negative',
  walk: Walk,
  depth = 0,
): string | null {
  if (typeof input === 'string') return input.slice(0, MOST_TEXT_LENGTH);
  if (typeof input === 'number') return String(input);
  if (isObject(input) && typeof input.content === 'string') return input.content.slice(0, MOST_TEXT_LENGTH);
  const link = linkOf(graph, input);
  walk.left -= 1;
  if (!link || depth > MOST_STEPS || walk.left < 0 || !graph.visit(link.node)) return null;
  const { node, output } = link;
  if (JOINER.test(node.type)) {
    const joined = joinedText(graph, node, side, walk, depth);
    if (joined !== null) return joined;
  }
  const sided =
    side === 'negative'
      ? ['negative', 'negative_prompt', 'text_negative', 'neg']
      : ['positive', 'positive_prompt', 'text_positive', 'pos'];
  const switched = chosenInput(graph, node);
  // A node with several texts, a styler or a prompt box for both sides, has one output for each.
  const first = [
    ...(switched ? [switched] : []),
    ...(node.inputs.negative !== undefined || node.inputs.text_negative !== undefined || output > 0 ? sided : []),
    ...TEXT_INPUTS,
    ...sided,
  ];
  for (const name of first) {
    if (node.inputs[name] === undefined) continue;
    const text = textAt(graph, node.inputs[name], side, walk, depth + 1);
    if (text !== null && !(text === '' && name === 'text_0')) return text;
  }
  const strings = Object.entries(node.inputs).filter(([, value]) => typeof value === 'string');
  const only = strings.length === 1 ? strings[0]?.[1] : undefined;
  if (typeof only === 'string') return only;
  const linked = Object.values(node.inputs).filter((value) => linkOf(graph, value));
  return linked.length === 1 ? textAt(graph, linked[0], side, walk, depth + 1) : null;
}

function joinedText(
  graph: Graph,
  node: GraphNode,
  side: 'positive' | 'negative',
  walk: Walk,
  depth: number,
): string | null {
  const parts = Object.entries(node.inputs)
    .filter(([name]) => JOINED.test(name) || name === 'text' || name === 'prompt')
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap(([, value]) => textAt(graph, value, side, walk, depth + 1) ?? []);
  if (parts.length === 0) return null;
  const given = ['delimiter', 'separator', 'delim', 'sep', 'joiner']
    .map((name) => node.inputs[name])
    .find((value) => typeof value === 'string');
  const delimiter =
    typeof given === 'string' ? given.replaceAll('\\n', '\n') : node.type.startsWith('StringConcat') ? '' : ', ';
  return parts
    .filter((part) => part !== '')
    .join(delimiter)
    .slice(0, MOST_TEXT_LENGTH);
}

/** Which input a switch lets through, by the habits `select`/`input1` and `boolean`/`on_true`. */
function chosenInput(graph: Graph, node: GraphNode): string | null {
  const select = node.inputs.select ?? node.inputs.Input ?? node.inputs.index;
  const number = linkOf(graph, select) ? numberAt(graph, select, 'select', newWalk(), 1) : select;
  if (typeof number === 'number') {
    return (
      [`input${number}`, `text${number}`, `text_${number}`, `input_${number}`, `value${number}`].find(
        (name) => name in node.inputs,
      ) ?? null
    );
  }
  const flag = node.inputs.boolean ?? node.inputs.boolean_value ?? node.inputs.switch ?? node.inputs.condition;
  if (typeof flag !== 'boolean') return null;
  const names = flag ? ['on_true', 'true_value', 'if_true'] : ['on_false', 'false_value', 'if_false'];
  return names.find((name) => name in node.inputs) ?? null;
}

/** The number or word of an input called `name`, through primitives; null when it cannot be known. */
export function valueAt(graph: Graph, input: unknown, name: string, walk: Walk = newWalk()): unknown {
  if (linkOf(graph, input)) return numberAt(graph, input, name, walk, 0);
  return typeof input === 'object' ? null : input;
}

const SAME: Readonly<Record<string, readonly string[]>> = {
  seed: ['noise_seed', 'seed_num', 'Seed'],
  noise_seed: ['seed', 'seed_num', 'Seed'],
  steps: ['steps_total', 'Steps', 'step'],
  cfg: ['cfg_scale', 'CFG', 'guidance'],
  sampler_name: ['sampler', 'Sampler'],
  scheduler: ['Scheduler', 'scheduler_name'],
  width: ['Width', 'empty_latent_width'],
  height: ['Height', 'empty_latent_height'],
};

function numberAt(graph: Graph, input: unknown, name: string, walk: Walk, depth: number): unknown {
  const link = linkOf(graph, input);
  if (!link) return typeof input === 'object' ? null : input;
  walk.left -= 1;
  if (depth > MOST_STEPS || walk.left < 0 || !graph.visit(link.node)) return null;
  const { inputs } = link.node;
  for (const candidate of [name, ...(SAME[name] ?? []), ...NUMBER_INPUTS, 'text', 'string']) {
    if (inputs[candidate] === undefined) continue;
    const value = numberAt(graph, inputs[candidate], name, walk, depth + 1);
    if (value !== null && value !== '') return value;
  }
  const numbers = Object.values(inputs).filter((value) => typeof value === 'number');
  if (numbers.length === 1) return numbers[0];
  const linked = Object.values(inputs).filter((value) => linkOf(graph, value));
  return linked.length === 1 ? numberAt(graph, linked[0], name, walk, depth + 1) : null;
}
