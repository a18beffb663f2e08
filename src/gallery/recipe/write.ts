import type { Recipe, Resource, ResourceKind } from './recipe.ts';

// Our own images say how they were made in A1111's words, which every site and most programs read. `Hashes` and
// `Lora hashes` let others link the models; `Resources` adds the addresses that only ActivityPub and AIR can give.

const PREFIXES: Readonly<Partial<Record<ResourceKind, string>>> = {
  lora: 'lora',
  locon: 'lora',
  embedding: 'embed',
  hypernet: 'hypernet',
};

/** A1111 infotext that `readInfotext` reads back to the same recipe. */
export function writeInfotext(recipe: Recipe, resources: readonly Resource[]): string {
  const pairs: [string, unknown][] = [
    ['Steps', recipe.steps],
    ['Sampler', recipe.sampler],
    ['Schedule type', recipe.scheduler],
    ['CFG scale', recipe.cfgScale],
    ['Distilled CFG Scale', recipe.guidance],
    ['Seed', recipe.seed],
    ['Size', recipe.width && recipe.height ? `${recipe.width}x${recipe.height}` : undefined],
    ['Model hash', recipe.modelHash],
    ['Model', recipe.modelName],
    ['VAE hash', recipe.vaeHash],
    ['VAE', recipe.vae],
    ['Denoising strength', recipe.denoisingStrength],
    ['Clip skip', recipe.clipSkip],
    ['Hires upscale', recipe.hiresUpscale],
    ['Hires steps', recipe.hiresSteps],
    ['Hires upscaler', recipe.hiresUpscaler],
  ];
  const hashes = hashesOf(recipe, resources);
  const written = new Set(['Lora hashes', 'TI hashes', 'Hashes', 'Resources', 'Version', ...pairs.map(([key]) => key)]);
  for (const [key, value] of Object.entries(recipe.others)) {
    // A key of another tool may not fit the grammar; its value then has no place here.
    if (!written.has(key) && /^[\p{L}\d_][\p{L}\d_ /.-]{0,60}$/u.test(key)) pairs.push([key, value]);
  }
  pairs.push(
    ['Lora hashes', namedHashes(resources, ['lora', 'locon'])],
    ['TI hashes', namedHashes(resources, ['embedding'])],
  );
  const settings = pairs.flatMap(([key, value]) =>
    value === undefined || value === '' ? [] : [`${key}: ${quoted(String(value))}`],
  );
  if (Object.keys(hashes).length > 0) settings.push(`Hashes: ${JSON.stringify(hashes)}`);
  const listed = resources.filter(({ uri, air, modelVersionId }) => uri ?? air ?? modelVersionId);
  if (listed.length > 0) settings.push(`Resources: ${JSON.stringify(listed)}`);
  if (recipe.version) settings.push(`Version: ${quoted(recipe.version)}`);

  const lines = [withTags(recipe.prompt ?? '', resources)];
  if (recipe.negativePrompt) lines.push(`Negative prompt: ${recipe.negativePrompt}`);
  return [...lines, settings.join(', ')].join('\n');
}

/** A LoRA's strength stands in the prompt; one that was chosen beside the prompt is added to it. */
function withTags(prompt: string, resources: readonly Resource[]): string {
  const tags = resources
    .filter(
      ({ kind, name }) =>
        (kind === 'lora' || kind === 'locon') &&
        isTagName(name) &&
        !prompt.toLowerCase().includes(`:${name.toLowerCase()}`),
    )
    .map(({ kind, name, weight }) => `<${kind === 'locon' ? 'lyco' : 'lora'}:${name}:${weight ?? 1}>`);
  return [prompt, ...tags].filter((part) => part !== '').join(' ');
}

const isTagName = (name: string): boolean => !/[<>:\n]/.test(name);

function hashesOf(recipe: Recipe, resources: readonly Resource[]): Record<string, string> {
  const hashes: Record<string, string> = {};
  if (recipe.modelHash) hashes.model = recipe.modelHash;
  if (recipe.vaeHash) hashes.vae = recipe.vaeHash;
  for (const { kind, name, hash } of resources) {
    const prefix = PREFIXES[kind];
    if (hash && kind === 'checkpoint') hashes.model ??= hash;
    else if (hash && kind === 'vae') hashes.vae ??= hash;
    else if (hash && prefix) hashes[`${prefix}:${name}`] = hash;
  }
  return hashes;
}

const namedHashes = (resources: readonly Resource[], kinds: readonly ResourceKind[]): string =>
  resources
    .filter(({ kind, hash, name }) => kinds.includes(kind) && hash && !name.includes(','))
    .map(({ name, hash }) => `${name}: ${hash}`)
    .join(', ');

/** As A1111 quotes: JSON where a comma, a colon or a newline would end the value. */
const quoted = (value: string): string =>
  /[,:\n"]/.test(value) || /^[[{\s]|\s$/.test(value) ? JSON.stringify(value) : value;
