import type { ModelType } from '../types.ts';

/** `modelspec.architecture` without its suffix, to Civitai's spelling; the longest beginning that fits wins. */
export const ARCHITECTURES: readonly (readonly [string, string])[] = [
  ['stable-diffusion-v1', 'SD 1.5'],
  ['stable-diffusion-v2-512', 'SD 2.0'],
  ['stable-diffusion-v2-768-v', 'SD 2.1'],
  ['stable-diffusion-v2', 'SD 2.1'],
  ['stable-diffusion-xl-v1-base', 'SDXL 1.0'],
  ['stable-diffusion-xl-v1-refiner', 'SDXL 1.0'],
  ['stable-diffusion-xl', 'SDXL 1.0'],
  ['stable-diffusion-3.5-large', 'SD 3.5 Large'],
  ['stable-diffusion-3.5-medium', 'SD 3.5 Medium'],
  ['stable-diffusion-3', 'SD 3'],
  ['flux-1-dev', 'Flux.1 D'],
  ['flux-1-schnell', 'Flux.1 S'],
  ['flux-2-dev', 'Flux.2 D'],
  ['chroma', 'Chroma'],
  ['lumina-2', 'Lumina'],
  ['qwen-image', 'Qwen'],
  ['z-image', 'ZImageTurbo'],
  ['wan', 'Wan Video'],
  ['hunyuan-video', 'Hunyuan Video'],
  ['ltx', 'LTXV'],
  ['hidream', 'HiDream'],
  ['auraflow', 'AuraFlow'],
];

/** What follows the `/` of an architecture. */
export const ARCHITECTURE_SUFFIXES: ReadonlyMap<string, ModelType> = new Map<string, ModelType>([
  ['lora', 'LORA'],
  ['locon', 'LoCon'],
  ['lycoris', 'LoCon'],
  ['textual-inversion', 'TextualInversion'],
  ['vae', 'VAE'],
  ['controlnet', 'Controlnet'],
  ['control-net', 'Controlnet'],
]);

/** `ss_base_model_version`, by its beginning, in lower case; longer ones first. */
export const KOHYA_BASES: readonly (readonly [string, string])[] = [
  ['sd_v1', 'SD 1.5'],
  ['sd_1.5', 'SD 1.5'],
  ['sd_v2', 'SD 2.1'],
  ['sd_2', 'SD 2.1'],
  ['sdxl', 'SDXL 1.0'],
  ['sd3.5_large', 'SD 3.5 Large'],
  ['sd3.5_medium', 'SD 3.5 Medium'],
  ['sd3', 'SD 3'],
  ['flux2', 'Flux.2 D'],
  ['flux1', 'Flux.1 D'],
  ['flux.1', 'Flux.1 D'],
  ['chroma', 'Chroma'],
  ['lumina', 'Lumina'],
  ['hunyuan', 'Hunyuan Video'],
  ['wan', 'Wan Video'],
  ['qwen', 'Qwen'],
  ['zimage', 'ZImageTurbo'],
  ['hidream', 'HiDream'],
  ['ltx', 'LTXV'],
];

/** `ss_network_module`, by its beginning. */
export const NETWORK_MODULES: readonly (readonly [string, ModelType])[] = [
  ['networks.lora', 'LORA'],
  ['networks.dylora', 'LORA'],
  ['networks.oft', 'LORA'],
  ['networks.loha', 'LoCon'],
  ['networks.lokr', 'LoCon'],
  ['lycoris.', 'LoCon'],
  ['locon.', 'LoCon'],
];

/** Offspring of SDXL have its tensors; only the name of what was trained on tells them apart. */
export const SDXL_OFFSPRING: readonly (readonly [string, string])[] = [
  ['noobai', 'NoobAI'],
  ['noob-ai', 'NoobAI'],
  ['noob_ai', 'NoobAI'],
  ['illustrious', 'Illustrious'],
  ['ponydiffusion', 'Pony'],
  ['pony_diffusion', 'Pony'],
  ['pony-diffusion', 'Pony'],
  ['pony', 'Pony'],
];

/** `general.architecture` of a GGUF file that makes images, to Civitai's spelling. */
export const GGUF_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['flux', 'Flux.1 D'],
  ['sd1', 'SD 1.5'],
  ['sdxl', 'SDXL 1.0'],
  ['sd3', 'SD 3'],
  ['aura', 'AuraFlow'],
  ['hidream', 'HiDream'],
  ['ltxv', 'LTXV'],
  ['hyvid', 'Hunyuan Video'],
  ['wan', 'Wan Video'],
  ['lumina2', 'Lumina'],
  ['qwen_image', 'Qwen'],
  ['cosmos', 'Other'],
]);

/** Text encoders go with an image model and are not one. */
export const GGUF_TEXT_ENCODERS: ReadonlySet<string> = new Set(['t5', 't5encoder', 'llama', 'qwen2vl', 'qwen3']);

/** Base models whose tensors are alike, so that one of them in the metadata and another by name is no contradiction. */
export const FAMILIES: readonly (readonly [string, string])[] = [
  ['SD 1.', 'sd1'],
  ['SD 2.', 'sd2'],
  ['SDXL', 'sdxl'],
  ['Pony V7', 'auraflow'],
  ['Pony', 'sdxl'],
  ['Illustrious', 'sdxl'],
  ['NoobAI', 'sdxl'],
  ['SD 3', 'sd3'],
  ['Flux.1', 'flux1'],
  ['Flux.2', 'flux2'],
  ['Wan Video', 'wan'],
];

/** Training parameters worth a line on the page, in this order. */
export const SETTING_KEYS = [
  ...['ss_network_module', 'ss_network_dim', 'ss_network_alpha', 'ss_network_args', 'ss_resolution'],
  ...['ss_num_train_images', 'ss_num_epochs', 'ss_epoch', 'ss_steps', 'ss_max_train_steps', 'ss_learning_rate'],
  ...['ss_unet_lr', 'ss_text_encoder_lr', 'ss_lr_scheduler', 'ss_optimizer', 'ss_clip_skip', 'ss_seed'],
  ...['ss_min_snr_gamma', 'ss_noise_offset', 'ss_batch_size_per_device', 'ss_mixed_precision'],
] as const;

/** Fields that carry captions, names of people or folders of the trainer's machine. */
export const PRIVATE_KEYS: ReadonlySet<string> = new Set([
  ...['ss_tag_frequency', 'ss_dataset_dirs', 'ss_reg_dataset_dirs', 'ss_datasets', 'ss_bucket_info', 'ss_subsets'],
  ...['ss_training_comment', 'ss_session_id', 'ss_config', 'ss_training_config', 'ss_training_args'],
]);
