import type { GenerateParams } from '../engine/protocol.ts';

// What A1111 writes under `parameters`, as our own engine does; here the pixels come from another program, so its name
// stands beside ours.

const quote = (value: string): string => (/[,:\n"]/.test(value) ? JSON.stringify(value) : value);
const UPSCALERS: Readonly<Record<string, string>> = { latent: 'Latent', lanczos: 'Lanczos' };

interface Picture {
  readonly seed: number;
  readonly subseed?: number;
  /** Name and version of what made it. */
  readonly program: string;
  /** Null where the program does not tell whose noise it was. */
  readonly rng: string | null;
}

export function writeInfotext(params: GenerateParams, { seed, subseed, program, rng }: Picture): string {
  const { model, vae, init, hires, loras = [], embeddings = [], clip_skip: clipSkip = 1 } = params;
  const hashOf = ({ sha256 = '' }: { readonly sha256?: string }) => sha256.slice(0, 10);
  const named = (files: readonly { readonly name?: string; readonly sha256?: string }[]) =>
    files.map((file) => [file.name ?? '', hashOf(file)] as const);
  const settings: (readonly [string, string | number])[] = [
    ['Steps', params.steps],
    ['Sampler', quote(params.sampler)],
    ['Schedule type', quote(params.schedule ?? 'Automatic')],
    ['CFG scale', params.cfg],
    ['Seed', seed],
    ['Size', `${params.width}x${params.height}`],
    ['Model hash', hashOf(model)],
    ['Model', quote(model.name ?? '')],
  ];
  if (vae) settings.push(['VAE hash', hashOf(vae)], ['VAE', quote(vae.name ?? '')]);
  if (clipSkip > 1) settings.push(['Clip skip', clipSkip]);
  if (params.cfg_rescale) settings.push(['CFG Rescale', params.cfg_rescale]);
  if (params.subseed_strength && subseed !== undefined) {
    settings.push(['Variation seed', subseed], ['Variation seed strength', params.subseed_strength]);
  }
  const denoise = init?.denoise ?? hires?.denoise;
  if (denoise !== undefined) settings.push(['Denoising strength', denoise]);
  if (hires) {
    settings.push(['Hires upscale', hires.scale ?? 1]);
    if (hires.steps) settings.push(['Hires steps', hires.steps]);
    const stem =
      (hires.upscaler ?? 'latent')
        .split('/')
        .at(-1)
        ?.replace(/^model:|\.safetensors$/g, '') ?? '';
    settings.push(['Hires upscaler', quote(UPSCALERS[stem] ?? stem)]);
  }
  if (rng) settings.push(['RNG', rng]);
  const list = (files: ReturnType<typeof named>) => quote(files.map(([name, hash]) => `${name}: ${hash}`).join(', '));
  if (loras.length > 0) settings.push(['Lora hashes', list(named(loras))]);
  if (embeddings.length > 0) settings.push(['TI hashes', list(named(embeddings))]);
  const hashes = {
    model: hashOf(model),
    ...(vae ? { vae: hashOf(vae) } : {}),
    ...Object.fromEntries(named(loras).map(([name, hash]) => [`lora:${name}`, hash])),
    ...Object.fromEntries(named(embeddings).map(([name, hash]) => [`embed:${name}`, hash])),
  };
  settings.push(['Hashes', JSON.stringify(hashes)], ['Engine', quote(program)]);
  if (params.version) settings.push(['Version', quote(params.version)]);
  const lines = [withTags(params)];
  if (params.negative) lines.push(`Negative prompt: ${params.negative}`);
  lines.push(settings.map(([name, value]) => `${name}: ${value}`).join(', '));
  return lines.join('\n');
}

/** A tag for each LoRA that the prompt does not name itself: readers take the strength from there. */
function withTags({ prompt, loras = [] }: GenerateParams): string {
  const missing = loras.filter(({ name }) => !prompt.includes(`<lora:${name}:`));
  return [prompt, ...missing.map(({ name, unet }) => `<lora:${name}:${unet}>`)].join(' ').trim();
}
