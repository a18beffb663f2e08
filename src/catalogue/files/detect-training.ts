import type { Fact } from './detect.ts';
import { SETTING_KEYS } from './metadata-table.ts';

export interface LineageHint {
  readonly kind: 'trained_on_base' | 'merged_from' | 'finetuned_from';
  /** A file's name without its folders, or ''. */
  readonly name: string;
  /** Lower-case hex as the header declares it: a hint to look for, never a proof. */
  readonly hash: string | null;
  /** Its share in a merge; null where the header does not say. */
  readonly weight: number | null;
}

type Metadata = ReadonlyMap<string, string>;

const MAX_WORDS = 20;
const MAX_WORD_CHARS = 100;
const MAX_SETTING_CHARS = 500;
/** A caption that this part of the pictures has is what the training was for. */
const TRIGGER_SHARE = 0.9;
const MAX_SUGGESTED = 5;
const MAX_PARENTS = 20;
const MAX_MERGE_CHARS = 64_000;

/** The author's own phrase, or else the captions that nearly every picture had. */
export function readTriggerWords(metadata: Metadata): Fact<readonly string[]> | null {
  const phrase = (metadata.get('modelspec.trigger_phrase') ?? '').slice(0, 4_000);
  const words = tidyWords(phrase === 'None' ? [] : phrase.split(','));
  if (words.length > 0) return { value: words, from: 'modelspec.trigger_phrase' };
  const suggested = tidyWords(suggestFromTags(metadata.get('ss_tag_frequency') ?? ''));
  return suggested.length > 0 ? { value: suggested, from: 'ss_tag_frequency' } : null;
}

/** `{"10_folder": {"caption": count}}`. Captions are counted over all folders, each against its own busiest one. */
function suggestFromTags(json: string): string[] {
  const shares = new Map<string, number>();
  for (const [, folder] of entries(parse(json))) {
    const tags = entries(folder).filter((tag): tag is [string, number] => isCount(tag[1]) && tag[0].trim() !== '');
    const most = tags.reduce((highest, [, count]) => Math.max(highest, count), 0);
    for (const [tag, count] of tags) {
      if (count >= most * TRIGGER_SHARE) shares.set(tag, (shares.get(tag) ?? 0) + count);
    }
  }
  return [...shares]
    .sort((a, b) => b[1] - a[1])
    .slice(0, MAX_SUGGESTED)
    .map(([tag]) => tag);
}

/** Without the prefix `ss_`; what is `None` or empty is left out. */
export function readSettings(metadata: Metadata): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const key of SETTING_KEYS) {
    const value = (metadata.get(key) ?? '').trim().slice(0, MAX_SETTING_CHARS);
    if (value !== '' && value !== 'None' && value !== '{}') settings[key.slice(3)] = value;
  }
  return settings;
}

export function readLineage(metadata: Metadata): Fact<LineageHint>[] {
  const hints: Fact<LineageHint>[] = [];
  const name = baseName(metadata.get('ss_sd_model_name') ?? '');
  const hash = readHash(metadata.get('ss_new_sd_model_hash')) ?? readHash(metadata.get('ss_sd_model_hash'));
  if (name !== '' || hash) {
    hints.push({
      value: { kind: 'trained_on_base', name, hash, weight: null },
      from: name !== '' ? 'ss_sd_model_name' : 'ss_new_sd_model_hash',
    });
  }
  const merged = readMerge(metadata);
  if (merged.length > 0) return [...hints, ...merged];
  const parents = (metadata.get('modelspec.merged_from') ?? '').slice(0, 16_000).split(',', MAX_PARENTS);
  for (const parent of parents.map(baseName)) {
    if (parent === '') continue;
    hints.push({
      value: { kind: 'merged_from', name: parent, hash: null, weight: null },
      from: 'modelspec.merged_from',
    });
  }
  return hints;
}

/** `{"<sha256>": {"name": …}}`, as A1111 and this node write it: what was merged, by hash. */
function readMerge(metadata: Metadata): Fact<LineageHint>[] {
  const from = 'sd_merge_models';
  const models = parse((metadata.get(from) ?? '').slice(0, MAX_MERGE_CHARS));
  return entries(models)
    .slice(0, MAX_PARENTS)
    .flatMap(([key, model]): Fact<LineageHint>[] => {
      const hash = readHash(key);
      const name = baseName(textIn(model, 'name'));
      return hash || name ? [{ value: { kind: 'merged_from', name, hash, weight: null }, from }] : [];
    });
}

const textIn = (value: unknown, key: string): string => {
  const found = entries(value).find(([name]) => name === key)?.[1];
  return typeof found === 'string' ? found : '';
};

function tidyWords(words: readonly string[]): string[] {
  const tidy = words.map((word) => word.trim()).filter((word) => word !== '' && word.length <= MAX_WORD_CHARS);
  return [...new Set(tidy)].slice(0, MAX_WORDS);
}

/** Trainers write whole paths, which name the person at the machine. */
function baseName(path: string): string {
  const name = path.slice(-1_000).trim().split(/[\\/]/).at(-1) ?? '';
  return name === 'None' ? '' : name.slice(0, 200);
}

function readHash(text: string | undefined): string | null {
  const hash = (text ?? '').trim().toLowerCase().replace(/^0x/, '');
  return /^(?:[0-9a-f]{8}|[0-9a-f]{10}|[0-9a-f]{12}|[0-9a-f]{64})$/.test(hash) ? hash : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null; // a hint that cannot be read is no hint
  }
}

const entries = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;
