import { isObject } from './json.ts';
import {
  NUMBER_FIELDS,
  type NumberField,
  type Recipe,
  type Resource,
  type ResourceKind,
  type TextField,
} from './recipe.ts';

const MOST_OTHERS = 300;
const MOST_OTHER_LENGTH = 20_000;
const MOST_RESOURCES = 200;

/** Said by the tool, worked out from the graph that ran, or from the editor's copy of it, which may have changed since. */
export type Basis = 'stated' | 'graph' | 'editor';

/** What one reader found in one carrier. Each value is judged on its own: a bad one is noted, and the rest stays. */
export class Finding {
  readonly tool: string;
  readonly carrier: string;
  readonly recipe: Recipe = { others: {} };
  readonly resources: Resource[] = [];
  readonly problems: string[] = [];
  readonly basis: Basis;

  constructor(tool: string, carrier: string, basis: Basis = 'stated') {
    this.tool = tool;
    this.carrier = carrier;
    this.basis = basis;
  }

  text(field: TextField, value: unknown): this {
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string') return this;
    const tidy = text.replaceAll('\r\n', '\n').trim();
    // An empty negative prompt says something; an empty sampler does not.
    if (tidy !== '' || field === 'prompt' || field === 'negativePrompt') this.recipe[field] = tidy;
    return this;
  }

  number(field: NumberField, value: unknown): this {
    if (value === null || value === undefined || value === '' || isObject(value) || Array.isArray(value)) return this;
    const number = typeof value === 'string' ? Number(value.trim().replace(/x$/i, '')) : Number(value);
    const [least, greatest, kind] = NUMBER_FIELDS[field];
    if (typeof value === 'boolean' || !Number.isFinite(number) || number < least || number > greatest) {
      this.problems.push(`${this.carrier}: ${field} cannot be ${String(value).slice(0, 40)}`);
      return this;
    }
    this.recipe[field] = kind === 'whole' ? Math.round(number) : number;
    return this;
  }

  seed(value: unknown): this {
    if (value === null || value === undefined || value === '') return this;
    const digits =
      typeof value === 'number' && Number.isInteger(value) ? BigInt(value).toString() : String(value).trim();
    if (/^-?\d{1,40}$/.test(digits)) this.recipe.seed = digits;
    else this.problems.push(`${this.carrier}: seed cannot be ${digits.slice(0, 40)}`);
    return this;
  }

  /** `512x768`, `(512, 768)`, `1024 x 1024`. */
  size(value: unknown): this {
    const match = typeof value === 'string' ? /^\D{0,3}(\d{1,7})\D{1,5}(\d{1,7})\D{0,3}$/.exec(value.trim()) : null;
    return match ? this.number('width', match[1]).number('height', match[2]) : this;
  }

  other(key: string, value: unknown): this {
    if (value === null || value === undefined || value === '') return this;
    if (Object.keys(this.recipe.others).length >= MOST_OTHERS || key === '__proto__') return this;
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    this.recipe.others[key.slice(0, 100)] = text.slice(0, MOST_OTHER_LENGTH);
    return this;
  }

  others(values: Readonly<Record<string, unknown>>, except: readonly string[] = []): this {
    for (const [key, value] of Object.entries(values)) if (!except.includes(key)) this.other(key, value);
    return this;
  }

  /** Adds a resource, or completes the one of the same kind and name. */
  resource(
    kind: ResourceKind,
    name: unknown,
    more: { hash?: unknown; weight?: unknown; modelVersionId?: unknown; air?: unknown; uri?: unknown } = {},
  ): this {
    const rawName = typeof name === 'string' ? name.trim() : '';
    const air = airOf(more.air) ?? airOf(rawName);
    const made: Resource = { kind: air?.kind ?? kind, name: air && airOf(rawName) ? air.name : fileStem(rawName) };
    const hash = hashOf(more.hash);
    const weight = more.weight === null || more.weight === '' ? Number.NaN : Number(more.weight ?? Number.NaN);
    const versionId = Number(more.modelVersionId ?? air?.versionId ?? Number.NaN);
    if (hash) made.hash = hash;
    if (Number.isFinite(weight) && Math.abs(weight) <= 1000) made.weight = weight;
    if (Number.isSafeInteger(versionId) && versionId > 0) made.modelVersionId = versionId;
    if (air) made.air = air.text;
    if (typeof more.uri === 'string' && /^https?:\/\/\S{1,2000}$/.test(more.uri)) made.uri = more.uri;
    if (made.name === '') made.name = made.modelVersionId ? `version ${made.modelVersionId}` : '';
    if (made.name === '' || /^(none|null|default|automatic|baked vae)$/i.test(made.name)) return this;
    addResource(this.resources, made);
    return this;
  }

  /** The checkpoint, as field and as resource. */
  model(name: unknown, hash?: unknown): this {
    const stem = typeof name === 'string' && !airOf(name) ? fileStem(name) : '';
    if (stem !== '' && stem.toLowerCase() !== 'none') this.text('modelName', stem);
    const digits = hashOf(hash);
    if (digits) this.text('modelHash', digits);
    return this.resource('checkpoint', name, { hash });
  }
}

const sameName = (a: Resource, b: Resource): boolean =>
  (a.air !== undefined && a.air === b.air) ||
  (a.modelVersionId !== undefined && a.modelVersionId === b.modelVersionId) ||
  (isSameKind(a.kind, b.kind) && a.name.toLowerCase() === b.name.toLowerCase());

const isSameKind = (a: ResourceKind, b: ResourceKind): boolean =>
  a === b || (a === 'lora' && b === 'locon') || (a === 'locon' && b === 'lora');

export function addResource(resources: Resource[], made: Resource): void {
  const at = resources.findIndex((known) => sameName(known, made));
  const known = resources[at];
  if (known) resources[at] = { ...made, ...known };
  else if (resources.length < MOST_RESOURCES) resources.push(made);
}

/** File name without folders and without the endings that model files have. */
export const fileStem = (path: string): string =>
  (path.split(/[\\/]/).at(-1) ?? '')
    .trim()
    .replace(/\.(safetensors|ckpt|pt|pth|bin|gguf|sft|onnx)$/i, '')
    .slice(0, 200);

/** Lower-case hexadecimal without `0x` or the name of the algorithm; undefined when it is no hash. */
export function hashOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const digits = value
    .trim()
    .toLowerCase()
    .replace(/^(0x|[a-z0-9_]{1,20}:)/, '');
  return /^[0-9a-f]{8,64}$/.test(digits) ? digits : undefined;
}

const AIR_KINDS: Readonly<Record<string, ResourceKind>> = {
  checkpoint: 'checkpoint',
  lora: 'lora',
  lycoris: 'locon',
  locon: 'locon',
  dora: 'lora',
  embedding: 'embedding',
  textualinversion: 'embedding',
  vae: 'vae',
  hypernet: 'hypernet',
  hypernetwork: 'hypernet',
  upscaler: 'upscaler',
  controlnet: 'controlnet',
};

interface Air {
  readonly text: string;
  readonly kind: ResourceKind | undefined;
  readonly name: string;
  readonly versionId: string | undefined;
}

/** Parts of `urn:air:{base}:{type}:{source}:{id}@{version}`. */
function airOf(value: unknown): Air | null {
  if (typeof value !== 'string' || value.length > 300) return null;
  const match = /^(?:urn:)?air:[\w.-]*:([\w-]+):([\w.-]+):([^@\s]+?)(?:@([\w.-]+))?(?::[\w.-]+)?$/i.exec(value.trim());
  if (!match) return null;
  const isCivitai = match[2] === 'civitai';
  return {
    text: value.trim().startsWith('urn:') ? value.trim() : `urn:${value.trim()}`,
    kind: AIR_KINDS[(match[1] ?? '').toLowerCase()],
    name: `${match[2]}:${match[3]}${match[4] ? `@${match[4]}` : ''}`,
    versionId: isCivitai && match[4] && /^\d{1,15}$/.test(match[4]) ? match[4] : undefined,
  };
}

/** What a tool calls a kind of resource, in our words. */
export const kindOf = (name: unknown): ResourceKind | undefined =>
  typeof name === 'string'
    ? AIR_KINDS[
        name
          .toLowerCase()
          .replace(/[\s_-]/g, '')
          .replace(/^embed$|^ti$/, 'embedding')
          .replace(/^model$/, 'checkpoint')
      ]
    : undefined;
