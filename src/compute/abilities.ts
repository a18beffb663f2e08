import type { EngineCaps } from './engine/protocol.ts';
import { OUTPUT_FORMATS, type OutputFormat } from './model.ts';

/** What the form may show: what the engine does not offer is left out, and refused when it is sent all the same. */
export interface Abilities {
  readonly start: boolean;
  readonly mask: boolean;
  readonly hires: boolean;
  /** Ways to enlarge that need no file. */
  readonly upscalers: readonly string[];
  /** Upscaler models of this node may be used. */
  readonly modelUpscalers: boolean;
  readonly vae: boolean;
  readonly embeddings: boolean;
  readonly variation: boolean;
  readonly cfgRescale: boolean;
  readonly repeatable: boolean;
  readonly formats: readonly OutputFormat[];
  /** Noise as A1111 draws it on a GPU. */
  readonly nvNoise: boolean;
}

export function abilitiesOf({ tasks, features, upscalers, formats, rng }: EngineCaps): Abilities {
  const has = (name: string) => tasks.includes(name) || features.includes(name);
  return {
    start: has('img2img'),
    mask: has('inpaint'),
    hires: has('hires'),
    upscalers: has('hires') ? upscalers.filter((name) => name !== 'model') : [],
    modelUpscalers: has('hires') && (upscalers.includes('model') || has('upscale_model')),
    vae: has('vae'),
    embeddings: has('embeddings'),
    variation: has('subseed'),
    cfgRescale: has('cfg_rescale'),
    repeatable: has('batch1'),
    nvNoise: rng.includes('NV'),
    formats: OUTPUT_FORMATS.filter((format) => format === 'png' || formats.includes(format)),
  };
}
