import type { ModelType } from '../types.ts';
import { detectTensors, type TensorFacts } from './detect-tensors.ts';
import { type LineageHint, readLineage, readSettings, readTriggerWords } from './detect-training.ts';
import type { AdapterKind } from './detection-table.ts';
import type { GgufHeader } from './gguf.ts';
import {
  ARCHITECTURE_SUFFIXES,
  ARCHITECTURES,
  FAMILIES,
  GGUF_ARCHITECTURES,
  GGUF_TEXT_ENCODERS,
  KOHYA_BASES,
  NETWORK_MODULES,
  PRIVATE_KEYS,
  SDXL_OFFSPRING,
} from './metadata-table.ts';
import type { SafetensorsHeader } from './safetensors.ts';

/**
 * What a file says of itself, to fill in the form of its owner and never to overrule it. Each fact tells where it was
 * read. The order is that of spec/model-files.md: modelspec, kohya's fields, tensor names, nothing.
 */
export interface Fact<Value> {
  readonly value: Value;
  /** A metadata field (`modelspec.architecture`) or `tensor names`, `tensor shapes`, `tensor types`, `file name`. */
  readonly from: string;
}

export interface Detection {
  readonly type: Fact<ModelType> | null;
  /** Civitai's spelling. */
  readonly baseModel: Fact<string> | null;
  readonly adapter: Fact<AdapterKind> | null;
  readonly rank: Fact<number> | null;
  readonly alpha: Fact<number> | null;
  /** `fp32`, `fp16`, `bf16`, `fp8`, `nf4`, or the quantisation of a GGUF file (`Q4_K`). */
  readonly precision: Fact<string> | null;
  readonly predictionType: Fact<string> | null;
  readonly triggerWords: Fact<readonly string[]> | null;
  readonly settings: Readonly<Record<string, string>>;
  readonly lineage: readonly Fact<LineageHint>[];
  readonly title: Fact<string> | null;
  readonly description: Fact<string> | null;
  readonly author: Fact<string> | null;
  readonly license: Fact<string> | null;
  /** Fields of the header that tell about the trainer's pictures or machine; `strip-metadata.ts` removes them. */
  readonly privateKeys: readonly string[];
  /** Sentences for the owner: what contradicts what. */
  readonly warnings: readonly string[];
}

type Metadata = ReadonlyMap<string, string>;

/** Characters of one text that is shown; the file keeps all of it. */
const MAX_TEXT_CHARS = 64 * 1024;

export function detectSafetensors({ tensors, metadata }: SafetensorsHeader): Detection {
  const seen = detectTensors(tensors);
  const warnings: string[] = [];
  if (tensors.length === 0) warnings.push('The file has no tensors.');
  const baseModel = chooseBase(metadata, seen, warnings);
  const type = chooseType(metadata, seen, warnings);
  return {
    ...{ type, baseModel, adapter: seen.adapter, precision: seen.precision },
    rank: chooseRank(metadata, seen, warnings),
    alpha: readNumber(metadata, 'ss_network_alpha'),
    predictionType: readPredictionType(metadata, seen),
    triggerWords: readTriggerWords(metadata),
    settings: readSettings(metadata),
    lineage: readLineage(metadata),
    title: readText(metadata, 'modelspec.title') ?? readText(metadata, 'ss_output_name'),
    description: readText(metadata, 'modelspec.description'),
    author: readText(metadata, 'modelspec.author'),
    license: readText(metadata, 'modelspec.license'),
    privateKeys: [...metadata.keys()].filter((key) => PRIVATE_KEYS.has(key)),
    warnings,
  };
}

export function detectGguf({ architecture, quantization, name, license, author }: GgufHeader): Detection {
  const from = 'general.architecture';
  const base = GGUF_ARCHITECTURES.get(architecture);
  const isTextEncoder = GGUF_TEXT_ENCODERS.has(architecture);
  const fact = (value: string, key: string): Fact<string> | null => (value === '' ? null : { value, from: key });
  return {
    type: base ? { value: 'Checkpoint', from } : isTextEncoder ? { value: 'Other', from } : null,
    baseModel: base ? { value: base, from } : null,
    ...{ adapter: null, rank: null, alpha: null, predictionType: null, triggerWords: null, description: null },
    precision: quantization === '' ? null : { value: quantization, from: 'tensor types' },
    ...{ settings: {}, lineage: [], privateKeys: [] },
    title: fact(name, 'general.name'),
    author: fact(author, 'general.author'),
    license: fact(license, 'general.license'),
    warnings: base || isTextEncoder ? [] : [`No image model is known by the architecture “${architecture}”.`],
  };
}

function chooseBase(metadata: Metadata, seen: TensorFacts, warnings: string[]): Fact<string> | null {
  const told = readModelspecBase(metadata) ?? readKohyaBase(metadata);
  const named = seen.baseModel;
  if (told && named && familyOf(told.value) !== familyOf(named.value)) {
    warnings.push(`${told.from} says ${told.value}, but the tensors look like ${named.value}.`);
  }
  const base = told ?? named;
  return base && familyOf(base.value) === 'sdxl' ? (readOffspring(metadata) ?? base) : base;
}

function chooseType(metadata: Metadata, seen: TensorFacts, warnings: string[]): Fact<ModelType> | null {
  const told = readModelspecType(metadata) ?? readKohyaType(metadata);
  if (!told) return seen.type;
  if (!seen.type || told.value === seen.type.value) return told;
  // The kinds of adapter are told apart by tensors only: modelspec has one word for all of them
  if (isAdapter(told.value) && isAdapter(seen.type.value)) return seen.type;
  warnings.push(`${told.from} says ${told.value}, but the tensors look like ${seen.type.value}.`);
  return told;
}

function chooseRank(metadata: Metadata, seen: TensorFacts, warnings: string[]): Fact<number> | null {
  const told = readNumber(metadata, 'ss_network_dim');
  if (told && seen.rank && told.value !== seen.rank.value) {
    warnings.push(`ss_network_dim says rank ${told.value}, but the tensors have rank ${seen.rank.value}.`);
  }
  return seen.rank ?? told;
}

function readModelspecBase(metadata: Metadata): Fact<string> | null {
  const value = readArchitecture(metadata).split('/')[0] ?? '';
  return longest(ARCHITECTURES, value, 'modelspec.architecture');
}

function readModelspecType(metadata: Metadata): Fact<ModelType> | null {
  const [name, suffix] = readArchitecture(metadata).split('/');
  if (!name || !longest(ARCHITECTURES, name, '')) return null;
  const type = suffix === undefined ? 'Checkpoint' : ARCHITECTURE_SUFFIXES.get(suffix);
  return type ? { value: type, from: 'modelspec.architecture' } : null;
}

function readKohyaBase(metadata: Metadata): Fact<string> | null {
  const version = (metadata.get('ss_base_model_version') ?? '').toLowerCase();
  const named = longest(KOHYA_BASES, version, 'ss_base_model_version');
  if (named) return named;
  return metadata.get('ss_v2') === 'True' ? { value: 'SD 2.1', from: 'ss_v2' } : null;
}

function readKohyaType(metadata: Metadata): Fact<ModelType> | null {
  const networkModule = metadata.get('ss_network_module') ?? '';
  const options = metadata.get('ss_network_args') ?? '';
  const known = longest(NETWORK_MODULES, networkModule, 'ss_network_module');
  if (!known) return null;
  if (/"dora_wd":\s*"?true/i.test(options)) return { value: 'DoRA', from: 'ss_network_args' };
  if (/"algo":\s*"(?:lora|locon|loha|lokr)"/i.test(options)) return { value: 'LoCon', from: 'ss_network_args' };
  return /"conv_dim":\s*"?[1-9]/.test(options) ? { value: 'LoCon', from: 'ss_network_args' } : known;
}

function readOffspring(metadata: Metadata): Fact<string> | null {
  for (const from of ['ss_sd_model_name', 'modelspec.merged_from', 'modelspec.title', 'ss_base_model_version']) {
    const text = (metadata.get(from) ?? '').slice(0, 2_000).toLowerCase();
    const found = SDXL_OFFSPRING.find(([word]) => text.includes(word));
    if (found) return { value: found[1], from };
  }
  return null;
}

function readPredictionType(metadata: Metadata, seen: TensorFacts): Fact<string> | null {
  const told = readText(metadata, 'modelspec.prediction_type');
  if (told) return { value: told.value.slice(0, 40), from: told.from };
  if (seen.predictionType) return seen.predictionType;
  if (metadata.get('ss_v_parameterization') === 'True') return { value: 'v', from: 'ss_v_parameterization' };
  return readArchitecture(metadata).startsWith('stable-diffusion-v2-768-v')
    ? { value: 'v', from: 'modelspec.architecture' }
    : null;
}

const readArchitecture = (metadata: Metadata): string =>
  (metadata.get('modelspec.architecture') ?? '').slice(0, 200).trim().toLowerCase();

function readText(metadata: Metadata, from: string): Fact<string> | null {
  const value = (metadata.get(from) ?? '').slice(0, MAX_TEXT_CHARS).trim();
  return value === '' || value === 'None' ? null : { value, from };
}

function readNumber(metadata: Metadata, from: string): Fact<number> | null {
  const text = metadata.get(from)?.trim() ?? '';
  const value = Number(text);
  return text !== '' && text.length < 30 && Number.isFinite(value) && value > 0 ? { value, from } : null;
}

function longest<Value>(table: readonly (readonly [string, Value])[], text: string, from: string): Fact<Value> | null {
  let best: readonly [string, Value] | null = null;
  for (const row of table) if (text.startsWith(row[0]) && row[0].length > (best?.[0].length ?? 0)) best = row;
  return best ? { value: best[1], from } : null;
}

export const isAdapter = (type: ModelType): boolean => type === 'LORA' || type === 'LoCon' || type === 'DoRA';

/** `SDXL 1.0`, `Pony` and `Illustrious` are one family: their tensors are alike. */
export const familyOf = (baseModel: string): string =>
  FAMILIES.find(([start]) => baseModel.startsWith(start))?.[1] ?? baseModel;
