import type { ImageText } from '../../kit/storage/carriers/read.ts';
import { readComfyPrompt, readComfyWorkflow } from './comfyui/read.ts';
import type { Finding } from './finding.ts';
import { isFooocus, isRuinedFooocus, readFooocus, readRuinedFooocus } from './fooocus.ts';
import { looksLikeInfotext, readInfotext } from './infotext.ts';
import {
  isInvokeMetadata,
  isOldInvokeMetadata,
  readDream,
  readInvokeMetadata,
  readOldInvokeMetadata,
} from './invokeai.ts';
import { isObject, type JsonObject, parseLooseJson } from './json.ts';
import { isNovelEnvelope, isNovelSettings, readNovelEnvelope, readNovelSettings } from './novelai.ts';
import { JSON_FORMS } from './other-tools.ts';
import { isSwarm, readSwarm } from './swarmui.ts';

// Which tool wrote a text is told by its shape and not by its carrier: sites move texts from one carrier into another,
// and tools borrow each other's keywords.

const MOST_NESTING = 4;
/** Texts that describe the picture or the file, and never settings. */
const NEVER_SETTINGS =
  /^(smproj|invokeai_graph|invokeai_workflow|fooocus_scheme|XPComment|Title|Copyright|Creation Time)$/;

export function findingsOf(texts: readonly ImageText[]): Finding[] {
  const byKey = new Map(texts.map(({ key, text }) => [key, text]));
  const findings = texts.flatMap(({ carrier, key, text }) => {
    if (NEVER_SETTINGS.test(key)) return [];
    return readText(text, `${carrier}:${key}`, byKey, 0);
  });
  const separate = readSeparateKeys(texts);
  return separate ? [...findings, separate] : findings;
}

function readText(source: string, carrier: string, byKey: ReadonlyMap<string, string>, nesting: number): Finding[] {
  // ComfyUI's EXIF forms: `prompt:{…}`, `Workflow: {…}`.
  const labelled = /^\s{0,20}([\w-]{1,40}):\s{0,5}(?=[{[])/.exec(source);
  const text = (labelled ? source.slice(labelled[0].length) : source).trim();
  const isDream = carrier.endsWith(':Dream') || carrier.endsWith(':dream');
  if (isDream) return present(readDream(text, carrier));
  if (text.startsWith('{') || text.startsWith('"{')) {
    const value = parseLooseJson(text);
    const inner = typeof value === 'string' ? parseLooseJson(value) : value;
    if (isObject(inner)) return readObject(inner, carrier, byKey, nesting);
  }
  return looksLikeInfotext(text) ? present(readInfotext(text, carrier)) : [];
}

const present = (finding: Finding | null): Finding[] => (finding ? [finding] : []);

function readObject(
  value: JsonObject,
  carrier: string,
  byKey: ReadonlyMap<string, string>,
  nesting: number,
): Finding[] {
  if (isSwarm(value)) return [readSwarm(value, carrier)];
  if (isRuinedFooocus(value)) return [readRuinedFooocus(value, carrier)];
  if (isOldInvokeMetadata(value)) return [readOldInvokeMetadata(value, carrier)];
  if (isInvokeMetadata(value)) return [readInvokeMetadata(value, carrier)];
  if (isNovelEnvelope(value)) return [readNovelEnvelope(value, carrier)];
  if (isNovelSettings(value)) return [readNovelSettings(value, Object.fromEntries(byKey), carrier)];
  if (isFooocus(value)) return [readFooocus(value, carrier)];
  const graph =
    readComfyPrompt(value, carrier) ?? (Array.isArray(value.nodes) ? readComfyWorkflow(value, carrier) : null);
  if (graph) return [graph];
  const form = JSON_FORMS.find(({ matches }) => matches(value));
  if (form) return [form.read(value, carrier)];
  return readWrapped(value, carrier, byKey, nesting);
}

/** An object that only carries others: `{"prompt": {…}, "workflow": {…}}`, `{"parameters": "…"}`. */
function readWrapped(
  value: JsonObject,
  carrier: string,
  byKey: ReadonlyMap<string, string>,
  nesting: number,
): Finding[] {
  if (nesting >= MOST_NESTING) return [];
  return [
    'parameters',
    'prompt',
    'workflow',
    'Comment',
    'comment',
    'generation_data',
    'invokeai_metadata',
    'metadata',
    'meta',
    'extra',
  ].flatMap((name) => {
    const inner = value[name];
    if (isObject(inner)) return readObject(inner, `${carrier}.${name}`, byKey, nesting + 1);
    return typeof inner === 'string' ? readText(inner, `${carrier}.${name}`, byKey, nesting + 1) : [];
  });
}

/** Easy Diffusion and some others write one PNG text for each setting. */
function readSeparateKeys(texts: readonly ImageText[]): Finding | null {
  const value = Object.fromEntries(
    texts
      .filter(({ carrier, text }) => carrier === 'png' && text.length < 100_000 && !text.startsWith('{'))
      .map(({ key, text }) => [key, text]),
  );
  const form = JSON_FORMS.find(({ matches }) => matches(value));
  return form ? form.read(value, 'png') : null;
}
