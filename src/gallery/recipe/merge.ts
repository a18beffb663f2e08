import type { ImageText } from '../../kit/storage/carriers/read.ts';
import { addResource, type Finding } from './finding.ts';
import type { Provenance, ReadRecipe, Recipe, Resource } from './recipe.ts';

// One image may carry the same settings several times: a graph and a text, a text and hidden pixels. What a tool stated
// goes before what was worked out from a graph; a graph goes before the editor's copy of it.

/** Lower comes first. */
function rank({ tool, carrier, basis }: Finding): number {
  if (basis !== 'stated') return basis === 'graph' ? 4 : 5;
  if (carrier.startsWith('stealth')) return 3;
  if (tool === 'unknown') return 6;
  return carrier.endsWith(':Dream') ? 2 : 1;
}

/** Tools that run ComfyUI's graphs leave them in the image beside their own settings. */
const RUNS_ON_COMFYUI = new Set(['SwarmUI', 'Stability Matrix', 'Civitai', 'TensorArt', 'Fooocus', 'RuinedFooocus']);

export function mergeFindings(
  found: readonly Finding[],
  texts: readonly ImageText[],
  problems: readonly string[],
): ReadRecipe {
  const findings = [...found].sort((a, b) => rank(a) - rank(b));
  const recipe: Recipe = { others: {} };
  const provenance: Record<string, Provenance> = {};
  const resources: Resource[] = [];
  for (const { recipe: part, tool, carrier, resources: used } of findings) {
    const { others, ...fields } = part;
    for (const [field, value] of Object.entries(fields)) {
      if (field in provenance) continue;
      Object.assign(recipe, { [field]: value });
      provenance[field] = { carrier, tool };
    }
    for (const [key, value] of Object.entries(others)) {
      if (!Object.hasOwn(recipe.others, key)) recipe.others[key] = value;
    }
    for (const resource of used) addResource(resources, resource);
  }
  const owner = toolOf(findings, texts);
  if (owner) {
    recipe.tool = owner.tool;
    provenance.tool = owner;
  }
  return {
    recipe: findings.length > 0 ? recipe : null,
    resources,
    raw: rawOf(texts, findings.length > 0),
    provenance,
    problems: [...problems, ...findings.flatMap((finding) => finding.problems)].slice(0, 100),
  };
}

function toolOf(findings: readonly Finding[], texts: readonly ImageText[]): Provenance | null {
  const own =
    findings.find(({ tool }) => RUNS_ON_COMFYUI.has(tool)) ??
    findings.find(({ tool }) => tool === 'ComfyUI') ??
    findings[0];
  if (!own) return null;
  const { carrier } = own;
  const value = (key: string): string => texts.find((text) => text.key === key)?.text ?? '';
  if (own.tool === 'AUTOMATIC1111' || own.tool === 'ComfyUI') {
    if (texts.some(({ key }) => key === 'smproj' || key === 'parameters-json'))
      return { carrier: 'png:smproj', tool: 'Stability Matrix' };
    // Civitai's generator signs its files so (EXIF Artist `ai`); a list of resources alone says nothing about the maker.
    if (own.tool === 'AUTOMATIC1111' && value('Artist') === 'ai') return { carrier: 'exif:Artist', tool: 'Civitai' };
    if (own.tool === 'AUTOMATIC1111' && /^fooocus/i.test(value('Software')))
      return { carrier: 'exif:Software', tool: 'Fooocus' };
    if (texts.some(({ key }) => key === 'fooocus_scheme')) return { carrier: 'png:fooocus_scheme', tool: 'Fooocus' };
    if (own.tool === 'AUTOMATIC1111' && texts.some(({ key }) => key === 'generation_data'))
      return { carrier: 'png:generation_data', tool: 'TensorArt' };
  }
  return { carrier, tool: own.tool };
}

/** Texts by carrier; of an image without settings nothing is kept, since it may hold anything. */
function rawOf(texts: readonly ImageText[], isGenerated: boolean): Record<string, string> {
  const raw: Record<string, string> = {};
  if (!isGenerated) return raw;
  for (const { carrier, key, text } of texts) {
    let name = `${carrier}:${key}`;
    for (let number = 2; Object.hasOwn(raw, name); number += 1) name = `${carrier}:${key}#${number}`;
    raw[name] = text;
  }
  return raw;
}
