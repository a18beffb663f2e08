import { Finding, hashOf, kindOf } from './finding.ts';
import { asList, asObject, endOfBrackets, endOfString, isObject, parseLooseJson } from './json.ts';
import { addLoraTags } from './prompt-tags.ts';
import type { NumberField, TextField } from './recipe.ts';

// The text that AUTOMATIC1111 and its many heirs write: the prompt, then lines from `Negative prompt:` on, and last one
// line of settings, `Steps: 20, Sampler: Euler a, …`. Values with a comma, a newline or a colon are JSON strings; some
// extensions append bare JSON. Nothing marks where the prompt ends, so a prompt may hold any of these words.

const TEXTS: Readonly<Record<string, TextField>> = {
  Sampler: 'sampler',
  'Schedule type': 'scheduler',
  Scheduler: 'scheduler',
  'Hires upscaler': 'hiresUpscaler',
  Version: 'version',
};
const NUMBERS: Readonly<Record<string, NumberField>> = {
  Steps: 'steps',
  'CFG scale': 'cfgScale',
  'CFG Scale': 'cfgScale',
  'Distilled CFG Scale': 'guidance',
  'Clip skip': 'clipSkip',
  'CLIP skip': 'clipSkip',
  'Denoising strength': 'denoisingStrength',
  'Hires upscale': 'hiresUpscale',
  'Hires steps': 'hiresSteps',
};
/** Also those that come to nothing. */
const MOST_PAIRS = 600;
const MOST_KEY_LENGTH = 80;

export interface Infotext {
  readonly prompt: string;
  readonly negativePrompt: string | null;
  readonly settings: ReadonlyMap<string, string>;
}

/** Whether a text without any other mark is worth reading as one of these. */
export const looksLikeInfotext = (text: string): boolean =>
  /(^|\n)Negative prompt:/.test(text) || splitInfotext(text).settings.size >= 3;

export function splitInfotext(source: string): Infotext {
  const lines = source.replaceAll('\r\n', '\n').trim().split('\n');
  let at = lastLine(lines, (line) => /^\s*Steps: ?\d/.test(line) && pairsOf(line).size >= 3);
  if (at < 0) at = lastLine(lines.slice(-1), (line) => pairsOf(line).size >= 3) < 0 ? -1 : lines.length - 1;
  let settings = at < 0 ? new Map<string, string>() : pairsOf(lines[at] ?? '');
  let body = at < 0 ? lines : lines.slice(0, at);

  // Some savers turn newlines into spaces: `a cat Negative prompt: dog Steps: 20, Sampler: …`.
  const line = lines[at < 0 ? lines.length - 1 : at] ?? '';
  const inLine = line.lastIndexOf('Steps: ');
  if (
    inLine > 0 &&
    !/^\s*Steps: /.test(line) &&
    !/,\s*$/.test(line.slice(0, inLine)) &&
    /[\w,.\s]$/.test(line.slice(0, inLine))
  ) {
    const late = pairsOf(line.slice(inLine));
    if (late.size >= 3) {
      settings = late;
      body = [...lines.slice(0, at < 0 ? lines.length - 1 : at), line.slice(0, inLine)];
    }
  }
  for (const [key, value] of at < 0 ? [] : templates(lines.slice(at + 1))) settings.set(key, value);

  const inlineNegative = body.length === 1 ? (body[0] ?? '').indexOf(' Negative prompt:') : -1;
  if (inlineNegative > 0) {
    const whole = body[0] ?? '';
    body = [whole.slice(0, inlineNegative), whole.slice(inlineNegative + 1)];
  }
  const start = body.findIndex((text) => text.trimStart().startsWith('Negative prompt:'));
  const positive = start < 0 ? body : body.slice(0, start);
  const negative = start < 0 ? null : body.slice(start).map((text) => text.replace(/^\s*Negative prompt: ?/, ''));
  return { prompt: positive.join('\n').trim(), negativePrompt: negative?.join('\n').trim() ?? null, settings };
}

function lastLine(lines: readonly string[], test: (line: string) => boolean): number {
  for (let at = lines.length - 1; at >= 0 && at >= lines.length - 50; at -= 1) if (test(lines[at] ?? '')) return at;
  return -1;
}

/** What the dynamic prompts extension appends below the settings: the unexpanded prompts, of several lines each. */
function templates(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  let current: string | null = null;
  for (const line of lines) {
    const match = /^(Template|Negative Template): ?(.*)$/.exec(line);
    if (match) {
      current = match[1] ?? '';
      found.set(current, match[2] ?? '');
    } else if (current) {
      found.set(current, `${found.get(current)}\n${line}`);
    } else {
      for (const [key, value] of pairsOf(line)) found.set(key, value);
    }
  }
  return found;
}

/** `Key: value, Key: "JSON string", Key: {JSON}`, in one pass. */
function pairsOf(line: string): Map<string, string> {
  const pairs = new Map<string, string>();
  let at = 0;
  let unclosed = 0;
  for (let turn = 0; turn < MOST_PAIRS && at < line.length; turn += 1) {
    const colon = line.indexOf(':', at);
    if (colon < 0) break;
    const before = line.slice(at, colon);
    const key = before.slice(before.lastIndexOf(',') + 1).trim();
    let start = colon + 1;
    while (line[start] === ' ') start += 1;
    let end = -1;
    let value: string | null = null;
    // Looking for an end that does not exist reads the whole rest, so it is tried only a few times.
    if (line[start] === '"' && unclosed < 3) {
      end = endOfString(line, start);
      const parsed = end < 0 ? undefined : parseLooseJson(line.slice(start, end));
      if (typeof parsed === 'string') value = parsed;
      else unclosed += 1;
    } else if ((line[start] === '{' || line[start] === '[') && unclosed < 3) {
      end = endOfBrackets(line, start);
      if (end >= 0) value = line.slice(start, end);
      else unclosed += 1;
    }
    if (value === null) {
      end = line.indexOf(',', start);
      if (end < 0) end = line.length;
      value = line.slice(start, end).trim();
    }
    // The same key twice happens with merged extensions; the first is the program's own.
    if (/^[\p{L}\d_][^"{}[\]<>]*$/u.test(key) && key.length <= MOST_KEY_LENGTH && !pairs.has(key))
      pairs.set(key, value);
    at = end;
    while (line[at] === ',' || line[at] === ' ') at += 1;
  }
  return pairs;
}

const HANDLED = new Set([
  'Size',
  'Seed',
  'Model',
  'Model hash',
  'VAE',
  'VAE hash',
  ...Object.keys(TEXTS),
  ...Object.keys(NUMBERS),
]);

export function readInfotext(source: string, carrier: string): Finding | null {
  const { prompt, negativePrompt, settings } = splitInfotext(source);
  if (settings.size === 0 && negativePrompt === null) return null;
  const finding = new Finding(toolOf(settings), carrier);
  finding.text('prompt', prompt);
  if (negativePrompt !== null) finding.text('negativePrompt', negativePrompt);
  for (const [key, field] of Object.entries(TEXTS)) finding.text(field, settings.get(key));
  for (const [key, field] of Object.entries(NUMBERS)) finding.number(field, settings.get(key));
  finding.seed(settings.get('Seed')).size(settings.get('Size'));
  if (finding.recipe.width === undefined)
    finding.number('width', settings.get('Width')).number('height', settings.get('Height'));

  const hashes = asObject(parseLooseJson(settings.get('Hashes') ?? ''));
  if (settings.has('Model') || settings.has('Model hash')) {
    const hash = settings.get('Model hash') ?? hashes.model;
    finding.model(settings.get('Model'), hash);
    if (!settings.has('Model')) finding.text('modelHash', hashOf(hash));
  } else if (typeof hashes.model === 'string') {
    finding.text('modelHash', hashOf(hashes.model));
  }
  const vae = settings.get('VAE');
  if (vae && !/^(none|automatic)$/i.test(vae)) {
    finding.text('vae', vae).resource('vae', vae, { hash: settings.get('VAE hash') ?? hashes.vae });
  }
  finding.text('vaeHash', hashOf(settings.get('VAE hash')));
  addNetworks(finding, settings, hashes);
  addOtherModels(finding, settings);
  for (const [key, value] of settings) if (!HANDLED.has(key)) finding.other(key, value);
  return finding;
}

/** LoRAs and embeddings: weights stand in the prompt, hashes in the settings. */
function addNetworks(
  finding: Finding,
  settings: ReadonlyMap<string, string>,
  hashes: Readonly<Record<string, unknown>>,
): void {
  const kinds = { lora: 'lora', lyco: 'locon', lycoris: 'locon', embed: 'embedding', hypernet: 'hypernet' } as const;
  const hashOfName = new Map<string, string>();
  for (const [key, hash] of Object.entries(hashes)) {
    const [prefix, ...name] = key.split(':');
    if (typeof hash === 'string' && name.length > 0) hashOfName.set(`${prefix}:${name.join(':')}`.toLowerCase(), hash);
  }
  const named = [
    ...namedHashes(settings.get('Lora hashes')).map(([name, hash]) => ['lora', name, hash] as const),
    ...namedHashes(settings.get('TI hashes')).map(([name, hash]) => ['embed', name, hash] as const),
  ];
  for (const [prefix, name, hash] of named) hashOfName.set(`${prefix}:${name}`.toLowerCase(), hash);

  const prompts = [finding.recipe.prompt, finding.recipe.negativePrompt];
  for (const [key, value] of settings) if (/^(Hires|ADetailer).*prompt/.test(key)) prompts.push(value);
  for (const prompt of prompts) {
    addLoraTags(
      finding,
      prompt ?? '',
      (kind, name) =>
        hashOfName.get(`${kind === 'locon' ? 'lyco' : kind}:${name}`.toLowerCase()) ??
        hashOfName.get(`lora:${name}`.toLowerCase()),
    );
  }
  for (const [key, hash] of hashOfName) {
    const [prefix, ...name] = key.split(':');
    const kind = Object.entries(kinds).find(([word]) => word === prefix)?.[1];
    const original = named.find(([, known]) => `${prefix}:${known}`.toLowerCase() === key)?.[1];
    const inHashes = Object.keys(hashes).find((known) => known.toLowerCase() === key);
    if (kind)
      finding.resource(kind, original ?? inHashes?.slice((prefix?.length ?? 0) + 1) ?? name.join(':'), { hash });
  }
  finding.resource('hypernet', settings.get('Hypernet')?.replace(/\(\w+\)$/, ''), {
    hash: settings.get('Hypernet hash'),
    weight: settings.get('Hypernet strength'),
  });
  for (let index = 1; settings.has(`AddNet Model ${index}`); index += 1) {
    const match = /^(.*?)(?:\(([0-9a-f]+)\))?$/i.exec(settings.get(`AddNet Model ${index}`) ?? '');
    const kind = /loha|lycoris|locon/i.test(settings.get(`AddNet Module ${index}`) ?? '') ? 'locon' : 'lora';
    const weight = settings.get(`AddNet Weight A ${index}`) ?? settings.get(`AddNet Weight ${index}`);
    finding.resource(kind, match?.[1], { hash: match?.[2], weight });
  }
}

/** `name: hash, other: hash`; a name may hold a colon, a hash never does. */
function namedHashes(list: string | undefined): [string, string][] {
  return (list ?? '').split(',').flatMap((part): [string, string][] => {
    const colon = part.lastIndexOf(':');
    const name = part.slice(0, colon).trim();
    return colon > 0 && name !== '' ? [[name, part.slice(colon + 1).trim()]] : [];
  });
}

function addOtherModels(finding: Finding, settings: ReadonlyMap<string, string>): void {
  finding.resource('upscaler', settings.get('Hires upscaler'));
  const refiner = /^(.*?)(?: \[([0-9a-f]+)\])?$/i.exec(settings.get('Refiner') ?? '');
  finding.resource('checkpoint', refiner?.[1], { hash: refiner?.[2] });
  for (const [key, value] of settings) {
    if (!/^ControlNet( \d+)?$/.test(key)) continue;
    const parts = pairsOf(value);
    const model = /^(.*?)(?: \[([0-9a-f]+)\])?$/i.exec(parts.get('Model') ?? parts.get('model') ?? '');
    finding.resource('controlnet', model?.[1], {
      hash: model?.[2],
      weight: parts.get('Weight') ?? parts.get('weight'),
    });
  }
  const listed = [
    ...asList(parseLooseJson(settings.get('Civitai resources') ?? '')),
    ...asList(parseLooseJson(settings.get('Resources') ?? '')),
  ];
  for (const item of listed) {
    if (!isObject(item)) continue;
    const kind = kindOf(item.kind ?? item.type) ?? 'lora';
    const name = item.name ?? item.modelName ?? (item.modelVersionId ? `version ${item.modelVersionId}` : item.air);
    finding.resource(kind, name, {
      hash: item.hash,
      weight: item.weight ?? item.strength,
      modelVersionId: item.modelVersionId,
      air: item.air,
      uri: item.uri,
    });
    if (kind === 'checkpoint' && !finding.recipe.modelName && typeof item.modelName === 'string') {
      finding.text('modelName', item.modelName);
    }
  }
}

function toolOf(settings: ReadonlyMap<string, string>): string {
  const version = settings.get('Version') ?? '';
  const app = settings.get('App') ?? '';
  if (/sd\.?next/i.test(app) || /sd\.?next|vladmandic/i.test(version)) return 'SD.Next';
  if (/fooocus/i.test(version)) return 'Fooocus';
  if (/comfy/i.test(version) || /comfy/i.test(app)) return 'ComfyUI';
  if (/reforge/i.test(version) || /^f\d.*RC/.test(version)) return 'reForge';
  if (version === 'classic') return 'Forge Classic';
  if (version === 'neo') return 'Forge Neo';
  if (/^f\d|forge/i.test(version)) return 'Forge';
  if (settings.has('Created Date') && settings.has('Civitai resources')) return 'Civitai';
  if (/^easy ?diffusion/i.test(version)) return 'Easy Diffusion';
  if (/swarm/i.test(version)) return 'SwarmUI';
  return 'AUTOMATIC1111';
}
