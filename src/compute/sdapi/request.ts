import type { GenerateParams } from '../engine/protocol.ts';
import type { Sample } from '../server/picture.ts';
import type { Flavour } from './names.ts';

/** As the server calls them. */
export interface SdApiFiles {
  readonly model: string;
  readonly vae: string | null;
  readonly loras: readonly {
    readonly name: string;
    readonly path: string;
    readonly unet: number;
    readonly te: number;
  }[];
  readonly sampler: string;
  readonly schedule: string;
  readonly upscaler: string | null;
  /** Base64 of PNGs in the size of the result. */
  readonly start: string | null;
  readonly mask: string | null;
}

/** The body of txt2img and img2img for one picture. */
export function requestOf(
  params: GenerateParams,
  { seed, subseed }: Sample,
  files: SdApiFiles,
  flavour: Flavour,
  taskId: string,
): Record<string, unknown> {
  const { init, hires, clip_skip: clipSkip = 1 } = params;
  const isNative = flavour === 'sd-server';
  const tags = files.loras.map(({ name, unet, te }) => `<lora:${name}:${unet === te ? unet : `${te}:${unet}`}>`);
  const prompt = harmless(params.prompt);
  return {
    prompt: isNative ? prompt : [prompt, ...tags].join(' ').trim(),
    negative_prompt: harmless(params.negative ?? ''),
    ...{ seed, steps: params.steps, cfg_scale: params.cfg, width: params.width, height: params.height },
    ...(params.subseed_strength ? { subseed: subseed ?? 0, subseed_strength: params.subseed_strength } : {}),
    ...{ sampler_name: files.sampler, scheduler: files.schedule },
    ...{ batch_size: 1, n_iter: 1, save_images: false, send_images: true },
    ...(hires && files.upscaler
      ? {
          enable_hr: true,
          hr_scale: hires.scale ?? 2,
          hr_upscaler: files.upscaler,
          ...(isNative ? { hr_steps: hires.steps ?? 0 } : { hr_second_pass_steps: hires.steps ?? 0 }),
          denoising_strength: hires.denoise ?? 0.5,
        }
      : {}),
    ...(init && files.start
      ? { init_images: [files.start], denoising_strength: init.denoise ?? 0.75, resize_mode: 0 }
      : {}),
    // 1 begins from what stands under the mask, and the whole picture is drawn, as our own engine does
    ...(files.mask
      ? { mask: files.mask, inpainting_fill: 1, inpaint_full_res: false, inpainting_mask_invert: 0, mask_blur: 0 }
      : {}),
    ...(isNative
      ? {
          ...(clipSkip > 1 ? { clip_skip: clipSkip } : {}),
          lora: files.loras.map(({ path, unet }) => ({ path, multiplier: unet })),
        }
      : {
          force_task_id: taskId,
          override_settings: {
            sd_model_checkpoint: files.model,
            CLIP_stop_at_last_layers: clipSkip,
            ...(flavour === 'A1111' ? { sd_vae: files.vae ?? 'Automatic' } : {}),
          },
          // else it would load its former model again after each picture
          override_settings_restore_afterwards: false,
        }),
  };
}

/**
 * What programs read in prompts besides words: A1111 loads networks by `<kind:name:1>`, and sd-server takes any of its
 * parameters, paths among them, from `<sd_cpp_extra_args>`. With a space behind the bracket both are text; nothing is
 * taken out, so that nothing can come together of what remains. LoRAs that were asked for are named by us.
 */
const harmless = (prompt: string): string =>
  prompt
    .replaceAll(/<lora:[^<>\n]*>/gi, '')
    .replaceAll(/<(?=[\w/])/g, '< ')
    .trim();
