import type { GenerateParams } from '../engine/protocol.ts';
import { SAMPLERS, SCHEDULES, scheduleOf } from './names.ts';

// The graphs that ComfyUI runs for us, of nodes of its core only. They agree in all but what a request uses, so there is
// one template: loaders, encoders, a start, a pass, perhaps a second, and the picture. Each node has a name of ours,
// from which the phase of a job is told.

interface GraphNode {
  readonly class_type: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}
export type Graph = Readonly<Record<string, GraphNode>>;
/** Name of a node and number of its output. */
type Link = readonly [string, number];

/** As the server lists them. */
export interface GraphFiles {
  readonly model: string;
  readonly vae: string | null;
  readonly loras: readonly string[];
  readonly upscaler: string | null;
  readonly start: string | null;
  readonly mask: string | null;
  /** Parts of the prompts, in its grammar. */
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/** What each ability needs, to be checked against what the server has. */
export const NEEDED_NODES = {
  txt2img: ['CheckpointLoaderSimple', 'CLIPTextEncode', 'EmptyLatentImage', 'KSampler', 'VAEDecode', 'PreviewImage'],
  img2img: ['LoadImage', 'VAEEncode'],
  inpaint: ['LoadImageMask', 'SetLatentNoiseMask', 'ImageCompositeMasked'],
  latent: ['LatentUpscaleBy'],
  lanczos: ['ImageScale', 'VAEEncode'],
  model: ['UpscaleModelLoader', 'ImageUpscaleWithModel', 'ImageScale', 'VAEEncode'],
  vae: ['VAELoader'],
  loras: ['LoraLoader'],
  clip_skip: ['CLIPSetLastLayer'],
  cfg_rescale: ['RescaleCFG'],
  breaks: ['ConditioningConcat'],
} as const;

/** The node whose picture is the result. */
export const RESULT = 'result';

export function makeGraph(params: GenerateParams, seed: number, files: GraphFiles): Graph {
  const nodes: Record<string, GraphNode> = {};
  const add = (name: string, class_type: string, inputs: GraphNode['inputs']): Link => {
    nodes[name] = { class_type, inputs };
    return [name, 0];
  };
  const { width, height, init, hires, clip_skip: clipSkip = 1 } = params;

  add('load_model', 'CheckpointLoaderSimple', { ckpt_name: files.model });
  let model: Link = ['load_model', 0];
  let clip: Link = ['load_model', 1];
  const vae: Link = files.vae ? add('load_vae', 'VAELoader', { vae_name: files.vae }) : ['load_model', 2];
  for (const [n, lora_name] of files.loras.entries()) {
    const { unet = 1, te = 1 } = params.loras?.[n] ?? {};
    const inputs = { lora_name, strength_model: unet, strength_clip: te };
    model = add(`load_lora_${n}`, 'LoraLoader', { model, clip, ...inputs });
    clip = [`load_lora_${n}`, 1];
  }
  if (clipSkip > 1) clip = add('encode_skip', 'CLIPSetLastLayer', { clip, stop_at_clip_layer: -clipSkip });
  if (params.cfg_rescale) model = add('load_rescale', 'RescaleCFG', { model, multiplier: params.cfg_rescale });

  const encode = (name: string, parts: readonly string[]): Link => {
    const [first = '', ...rest] = parts;
    let all = add(`encode_${name}`, 'CLIPTextEncode', { clip, text: first });
    for (const [n, text] of rest.entries()) {
      const part = add(`encode_${name}_${n + 1}`, 'CLIPTextEncode', { clip, text });
      const joined = { conditioning_to: all, conditioning_from: part };
      all = add(`encode_${name}_join_${n + 1}`, 'ConditioningConcat', joined);
    }
    return all;
  };
  const [positive, negative] = [encode('positive', files.positive), encode('negative', files.negative)];
  const sampler_name = SAMPLERS[params.sampler] ?? params.sampler;
  const schedule = scheduleOf(params.sampler, params.schedule);
  const pass = (name: string, latent: Link, steps: number, denoise: number, cfg = params.cfg): Link =>
    add(name, 'KSampler', {
      ...{ model, positive, negative, latent_image: latent, seed, steps, cfg, sampler_name, denoise },
      scheduler: SCHEDULES[schedule] ?? schedule,
    });

  let latent: Link;
  let original: Link | null = null;
  let mask: Link | null = null;
  if (init && files.start) {
    original = add('encode_start', 'LoadImage', { image: files.start });
    latent = add('encode_pixels', 'VAEEncode', { pixels: original, vae });
    if (files.mask) {
      mask = add('encode_mask', 'LoadImageMask', { image: files.mask, channel: 'red' });
      latent = add('encode_hole', 'SetLatentNoiseMask', { samples: latent, mask });
    }
  } else latent = add('encode_empty', 'EmptyLatentImage', { width, height, batch_size: 1 });

  const denoise = init ? (init.denoise ?? 0.75) : 1;
  // as in A1111 a share of the steps is run; KSampler would run all of them in the last part of a longer schedule
  let samples = pass('denoise', latent, init ? Math.max(1, Math.round(params.steps * denoise)) : params.steps, denoise);
  let picture: Link;
  if (hires) {
    const scale = hires.scale ?? 2;
    const [wide, high] = [Math.round((width * scale) / 8) * 8, Math.round((height * scale) / 8) * 8];
    if (files.upscaler === null && (hires.upscaler ?? 'latent') === 'latent') {
      samples = add('upscale', 'LatentUpscaleBy', { samples, upscale_method: 'bilinear', scale_by: scale });
    } else {
      let pixels = add('decode_first', 'VAEDecode', { samples, vae });
      if (files.upscaler) {
        const upscale_model = add('load_upscaler', 'UpscaleModelLoader', { model_name: files.upscaler });
        pixels = add('upscale_model', 'ImageUpscaleWithModel', { upscale_model, image: pixels });
      }
      const size = { width: wide, height: high, crop: 'disabled' };
      pixels = add('upscale', 'ImageScale', { image: pixels, upscale_method: 'lanczos', ...size });
      samples = add('upscale_encode', 'VAEEncode', { pixels, vae });
    }
    const again = hires.denoise ?? 0.5;
    if (again > 0)
      samples = pass('denoise_again', samples, hires.steps || params.steps, again, hires.cfg ?? params.cfg);
  }
  picture = add('decode', 'VAEDecode', { samples, vae });
  if (original && mask && !hires) {
    // the decoder changes what was not masked, too
    const pasted = { destination: original, source: picture, x: 0, y: 0, resize_source: false, mask };
    picture = add('decode_paste', 'ImageCompositeMasked', pasted);
  }
  // a preview lies in the folder for temporary files, which ComfyUI empties itself; it has no way to delete one
  add(RESULT, 'PreviewImage', { images: picture });
  return nodes;
}

/** The phase of a job while a node of it runs. */
export function phaseOf(node: string): 'load' | 'encode' | 'denoise' | 'decode' {
  if (node.startsWith('load')) return 'load';
  if (node.startsWith('encode')) return 'encode';
  return node.startsWith('denoise') ? 'denoise' : 'decode';
}
