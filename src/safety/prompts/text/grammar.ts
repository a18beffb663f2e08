import { type Mapped, MappedText } from './mapped.ts';

// The grammar of prompts (A1111's, and the braces of dynamic prompts), as a tree: what weighs a word is taken away and
// what it weighs does not count, so that `(word:0)` is the word; of alternatives each is read.

/** Deeper than anybody writes by hand. */
export const MOST_NESTING = 32;
/** Of one word that is put together from alternatives; beyond that, not every one is tried with every other. */
const MOST_VARIANTS = 32;
/** What is put together is longer than what was written; nobody needs more. */
const MOST_WRITTEN_OUT = 100_000;

interface Span {
  readonly start: number;
  readonly end: number;
}
type Node = Span | { readonly alternatives: readonly (readonly Node[])[] } | 'seam';

export interface ParsedPrompt {
  /** The words without syntax, one text for each choice of alternatives: where syntax stood is nothing, or a space. */
  readonly texts: readonly Mapped[];
  /** What `<lora:name:1>`, `<hypernet:name:1>` and `embedding:name` name. */
  readonly resources: readonly string[];
  /** Alternatives within alternatives without end: not all of them were read. */
  readonly isTangled: boolean;
}

/** How deeply brackets nest; a scan, so that it can stand before everything else. */
export function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const char of text) {
    if (char === '(' || char === '[' || char === '{') deepest = Math.max(deepest, ++depth);
    else if (char === ')' || char === ']' || char === '}') depth = Math.max(0, depth - 1);
  }
  return deepest;
}

const RESOURCE = /^<(?:lora|lyco|hypernet):([^:<>]{1,200})(?::[^<>]{0,60})?>/i;
const EMBEDDING = /\bembedding:([\w.-]{1,100})/gi;
const WEIGHT = /:\s*[-+]?(?:\d{1,6}(?:\.\d{0,9})?|\.\d{1,9})\s*$/;
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Reads a decoded prompt of at most `MOST_NESTING` levels; brackets that do not match are punctuation. */
export function parsePrompt(source: Mapped): ParsedPrompt {
  const resources = [...source.text.matchAll(EMBEDDING)].map(([, name]) => name ?? '');
  const { nodes } = readNodes(source.text, 0, '', resources);
  const segments = segmentsOf(nodes, source.text);
  const count = Math.min(MOST_VARIANTS, Math.max(1, ...segments.map(({ length }) => length)));
  const rest = segments.flatMap((variants) => variants.slice(count));
  const isTangled = rest.reduce((sum, nodes) => sum + lengthOf(nodes), 0) > MOST_WRITTEN_OUT;
  const texts: Mapped[] = [];
  for (let n = 0; n < count; n += 1) {
    const chosen = segments.flatMap((variants) => variants[n % Math.min(count, variants.length)] ?? []);
    texts.push(flat(source, chosen, ''), flat(source, chosen, ' '));
  }
  if (!isTangled) for (const nodes of rest) texts.push(flat(source, nodes, ''));
  return { texts, resources, isTangled };
}

const lengthOf = (nodes: readonly Node[]): number =>
  nodes.reduce((sum, node) => sum + (node !== 'seam' && 'start' in node ? node.end - node.start : 1), 0);

function readNodes(
  text: string,
  from: number,
  close: string,
  resources: string[],
): { nodes: readonly Node[]; alternatives: readonly (readonly Node[])[]; end: number } {
  const alternatives: Node[][] = [];
  let nodes: Node[] = [];
  let start = from;
  let at = from;
  const cut = (end: number) => {
    if (end > start) nodes.push({ start, end });
  };
  const branch = () => {
    alternatives.push(nodes);
    nodes = [];
  };
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === close) break;
    const resource = char === '<' ? RESOURCE.exec(text.slice(at, at + 300)) : null;
    if (char === '\\') {
      cut(at);
      at += 1;
      start = at;
      at += 1;
    } else if (resource) {
      cut(at);
      resources.push(resource[1] ?? '');
      nodes.push('seam');
      at += resource[0].length;
      start = at;
    } else if (CLOSING[char]) {
      cut(at);
      const inner = readNodes(text, at + 1, CLOSING[char], resources);
      nodes.push('seam');
      nodes.push(...(inner.alternatives.length > 1 ? [{ alternatives: inner.alternatives }] : inner.nodes), 'seam');
      at = Math.min(text.length, inner.end + 1);
      start = at;
    } else if ((char === '|' && close !== '' && close !== ')') || (char === ':' && close === ']')) {
      cut(at);
      branch();
      at += 1;
      start = at;
    } else at += 1;
  }
  const weight = close === '' ? null : WEIGHT.exec(text.slice(Math.max(start, at - 30), at));
  cut(weight ? at - weight[0].length : at);
  branch();
  return { nodes: alternatives[0] ?? [], alternatives, end: at };
}

/** Words as they stand, and each cluster of words and alternatives without a space between them in all its variants. */
function segmentsOf(nodes: readonly Node[], text: string): (readonly Node[])[][] {
  const segments: Node[][] = [[]];
  for (const node of nodes) {
    if (node === 'seam' || 'alternatives' in node) {
      segments.at(-1)?.push(node);
      continue;
    }
    // a space ends a cluster
    let from = node.start;
    for (const { index } of text.slice(node.start, node.end).matchAll(/[\s,]+/g)) {
      const end = node.start + index + 1;
      segments.at(-1)?.push({ start: from, end });
      segments.push([]);
      from = end;
    }
    if (from < node.end) segments.at(-1)?.push({ start: from, end: node.end });
  }
  return segments.map((segment) => variantsOf(segment));
}

function variantsOf(nodes: readonly Node[]): (readonly Node[])[] {
  let variants: Node[][] = [[]];
  for (const node of nodes) {
    if (node === 'seam' || !('alternatives' in node)) {
      for (const variant of variants) variant.push(node);
      continue;
    }
    const choices = node.alternatives.flatMap((alternative) => variantsOf(alternative));
    const isMany = variants.length * choices.length > MOST_VARIANTS;
    // too many to be combined: each stands once, beside the others
    variants = isMany
      ? aligned(variants, choices)
      : variants.flatMap((variant) => choices.map((choice) => [...variant, ...choice]));
  }
  return variants;
}

const aligned = (variants: readonly (readonly Node[])[], choices: readonly (readonly Node[])[]): Node[][] =>
  Array.from({ length: Math.max(variants.length, choices.length) }, (_, n) => [
    ...(variants[n % variants.length] ?? []),
    ...(choices[n % choices.length] ?? []),
  ]);

/** Words of A1111 that join prompts; in capitals only. */
const JOINING = /(?<![\p{L}\p{N}])(?:BREAK|AND)(?![\p{L}\p{N}])/gu;

function flat({ text, at }: Mapped, nodes: readonly Node[], seam: string): Mapped {
  const out = new MappedText(text.length);
  let last = 0;
  for (const node of nodes) {
    if (node === 'seam') out.push(seam, last);
    else if ('start' in node) {
      const piece = text.slice(node.start, node.end).replace(JOINING, (word) => ' '.repeat(word.length));
      for (let n = 0; n < piece.length; n += 1) out.unit(piece.charCodeAt(n), at[node.start + n] ?? 0);
      last = at[node.end - 1] ?? last;
    }
  }
  return out.done();
}
