import type { ModelType } from '../types.ts';

/**
 * What tensor names and metadata fields tell about a model, as data (spec/model-files.md). Names are compared after
 * `CARRIER_PREFIXES` are taken off. The first row that fits wins, so the order is part of the table.
 */
export interface Clue {
  /** The name is this, begins, ends so, or contains this; all that are given must hold for one tensor. */
  readonly is?: string;
  readonly starts?: string;
  readonly ends?: string;
  readonly has?: string;
  readonly rank?: number;
  /** `[axis, size]`; a negative axis counts from the end. */
  readonly dim?: readonly [number, number];
}

export interface SignatureRow {
  readonly id: string;
  /** Null in rows for adapters: `ADAPTER_ROWS` tells theirs. */
  readonly type: ModelType | null;
  /** Civitai's spelling; null where the names fit several. */
  readonly baseModel: string | null;
  readonly all: readonly Clue[];
}

export const CARRIER_PREFIXES = ['model.diffusion_model.', 'diffusion_model.', 'transformer.', 'net.'];

/** Before the adapters: some of their tensors carry the names of what they were made for. */
export const MODEL_ROWS: readonly SignatureRow[] = [
  row('controlnet', 'Controlnet', null, [{ starts: 'control_model.' }]),
  row('controlnet-diffusers', 'Controlnet', null, [{ starts: 'controlnet_down_blocks' }]),
  row('sdxl-refiner', 'Checkpoint', 'SDXL 1.0', [{ is: 'conditioner.embedders.0.model.ln_final.bias' }]),
  row('sdxl', 'Checkpoint', 'SDXL 1.0', [
    { is: 'conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight' },
  ]),
  row('sd1', 'Checkpoint', 'SD 1.5', [{ is: 'cond_stage_model.transformer.text_model.embeddings.position_ids' }]),
  row('sd2', 'Checkpoint', 'SD 2.1', [{ is: 'cond_stage_model.model.ln_final.bias' }]),
  row('sd35-large', 'Checkpoint', 'SD 3.5 Large', [
    { is: 'joint_blocks.0.context_block.attn.proj.bias', dim: [0, 2432] },
  ]),
  // The middle one has a second attention in its first blocks, which SD 3 of the same width lacks
  row('sd35-medium', 'Checkpoint', 'SD 3.5 Medium', [
    { is: 'joint_blocks.0.context_block.attn.proj.bias' },
    { starts: 'joint_blocks.0.x_block.attn2.' },
  ]),
  row('sd3', 'Checkpoint', 'SD 3', [{ is: 'joint_blocks.0.context_block.attn.proj.bias' }]),
  row('chroma', 'Checkpoint', 'Chroma', [{ is: 'distilled_guidance_layer.in_proj.bias' }]),
  row('flux2-dev', 'Checkpoint', 'Flux.2 D', [{ is: 'double_stream_modulation_img.lin.weight', dim: [0, 36864] }]),
  row('flux2-klein-4b', 'Checkpoint', 'Flux.2 Klein 4B', [
    { is: 'double_stream_modulation_img.lin.weight', dim: [0, 18432] },
  ]),
  row('flux2-klein-9b', 'Checkpoint', 'Flux.2 Klein 9B', [
    { is: 'double_stream_modulation_img.lin.weight', dim: [0, 24576] },
  ]),
  row('hunyuan-video', 'Checkpoint', 'Hunyuan Video', [{ starts: 'txt_in.individual_token_refiner' }]),
  row('flux1-dev', 'Checkpoint', 'Flux.1 D', [
    { is: 'double_blocks.0.img_attn.norm.key_norm.scale' },
    { is: 'guidance_in.in_layer.bias' },
  ]),
  row('flux1-schnell', 'Checkpoint', 'Flux.1 S', [{ is: 'double_blocks.0.img_attn.norm.key_norm.scale' }]),
  row('qwen-image', 'Checkpoint', 'Qwen', [
    { is: 'img_in.bias' },
    { ends: 'add_k_proj.bias' },
    { starts: 'time_text_embed' },
  ]),
  row('z-image', 'Checkpoint', 'ZImageTurbo', [
    { is: 'context_refiner.0.attention.k_norm.weight' },
    { is: 'layers.0.adaLN_modulation.0.bias' },
  ]),
  row('wan-1.3b', 'Checkpoint', 'Wan Video 1.3B t2v', [{ is: 'blocks.0.cross_attn.k.bias', dim: [0, 1536] }]),
  row('wan-5b', 'Checkpoint', 'Wan Video 2.2 TI2V-5B', [{ is: 'blocks.0.cross_attn.k.bias', dim: [0, 3072] }]),
  row('wan-14b', 'Checkpoint', 'Wan Video 14B t2v', [{ is: 'blocks.0.cross_attn.k.bias', dim: [0, 5120] }]),
  row('wan', 'Checkpoint', 'Wan Video', [{ is: 'blocks.0.cross_attn.k.bias' }]),
  row('ltxv', 'Checkpoint', 'LTXV', [{ is: 'adaln_single.emb.timestep_embedder.linear_1.bias' }]),
  row('hidream', 'Checkpoint', 'HiDream', [{ is: 'caption_projection.0.linear.weight' }]),
  row('lumina2', 'Checkpoint', 'Lumina', [{ is: 'cap_embedder.0.weight' }]),
  row('embedding-sdxl', 'TextualInversion', 'SDXL 1.0', [
    { is: 'clip_l', dim: [-1, 768] },
    { is: 'clip_g', dim: [-1, 1280] },
  ]),
  row('embedding-sd1', 'TextualInversion', 'SD 1.5', [{ is: 'emb_params', dim: [-1, 768] }]),
  row('embedding-sd2', 'TextualInversion', 'SD 2.1', [{ is: 'emb_params', dim: [-1, 1024] }]),
  row('embedding-param-sd1', 'TextualInversion', 'SD 1.5', [{ starts: 'string_to_param', dim: [-1, 768] }]),
  row('embedding-param-sd2', 'TextualInversion', 'SD 2.1', [{ starts: 'string_to_param', dim: [-1, 1024] }]),
  row('vae-16', 'VAE', 'Flux.1 D', [{ ends: 'decoder.conv_in.weight', dim: [1, 16] }]),
  row('vae-4', 'VAE', null, [{ ends: 'decoder.conv_in.weight', dim: [1, 4] }]),
  row('vae', 'VAE', null, [{ starts: 'first_stage_model.' }]),
  row('vae-conv', 'VAE', null, [{ is: 'decoder.conv_in.weight' }]),
  row('upscaler', 'Upscaler', null, [{ starts: 'model.0.weight' }]),
  row('upscaler-body', 'Upscaler', null, [{ starts: 'body.' }, { starts: 'conv_first.' }]),
  row('upscaler-rrdb', 'Upscaler', null, [{ starts: 'body.0.' }, { ends: '.weight', rank: 4 }]),
];

/** For which base an adapter was trained. Flux first: it may have `lora_te1_` too. */
export const ADAPTER_BASE_ROWS: readonly SignatureRow[] = [
  row('lora-flux-kohya', null, 'Flux.1 D', [{ starts: 'lora_unet_double_blocks_' }]),
  row('lora-flux-kohya-single', null, 'Flux.1 D', [{ starts: 'lora_unet_single_blocks_' }]),
  row('lora-flux-diffusers', null, 'Flux.1 D', [{ starts: 'single_transformer_blocks.', has: 'lora_A' }]),
  row('lora-flux-native', null, 'Flux.1 D', [{ starts: 'double_blocks.' }]),
  row('lora-wan-14b', null, 'Wan Video 14B t2v', [{ starts: 'blocks.0.cross_attn.k.lora_', dim: [-1, 5120] }]),
  row('lora-wan-1.3b', null, 'Wan Video 1.3B t2v', [{ starts: 'blocks.0.cross_attn.k.lora_', dim: [-1, 1536] }]),
  row('lora-wan', null, 'Wan Video', [{ starts: 'blocks.', has: '.cross_attn.k.' }]),
  row('lora-wan-kohya', null, 'Wan Video', [{ starts: 'lora_unet_blocks_', has: '_cross_attn_k.' }]),
  row('lora-z-image', null, 'ZImageTurbo', [{ starts: 'layers.', has: '.adaLN_modulation.' }]),
  row('lora-z-image-attention', null, 'ZImageTurbo', [{ starts: 'layers.', has: '.attention.to_' }]),
  row('lora-qwen', null, 'Qwen', [{ starts: 'transformer_blocks.', has: '.attn.add_k_proj.' }, { has: '.img_mlp.' }]),
  row('lora-qwen-kohya', null, 'Qwen', [{ starts: 'lora_unet_transformer_blocks_', has: '_attn_add_k_proj.' }]),
  row('lora-sdxl-te', null, 'SDXL 1.0', [{ starts: 'lora_te1_' }, { starts: 'lora_te2_' }]),
  row('lora-sdxl-output', null, 'SDXL 1.0', [{ starts: 'lora_unet_output_blocks_5_1' }]),
  row('lora-sdxl-down', null, 'SDXL 1.0', [{ starts: 'lora_unet_down_blocks_2_attentions_1_transformer_blocks_9' }]),
  row('lora-sdxl-attention', null, 'SDXL 1.0', [{ has: 'attn2_to_k', ends: 'lora_down.weight', dim: [1, 2048] }]),
  row('lora-sdxl-peft', null, 'SDXL 1.0', [{ has: 'attn2.to_k', ends: 'lora_A.weight', dim: [1, 2048] }]),
  row('lora-sd2-attention', null, 'SD 2.1', [{ has: 'attn2_to_k', ends: 'lora_down.weight', dim: [1, 1024] }]),
  row('lora-sd2-peft', null, 'SD 2.1', [{ has: 'attn2.to_k', ends: 'lora_A.weight', dim: [1, 1024] }]),
  row('lora-sd2-text', null, 'SD 2.1', [
    { starts: 'lora_te_text_model', has: '_self_attn_', ends: 'lora_down.weight', dim: [1, 1024] },
  ]),
  row('lora-sd1-attention', null, 'SD 1.5', [{ has: 'attn2_to_k', ends: 'lora_down.weight', dim: [1, 768] }]),
  row('lora-sd1-peft', null, 'SD 1.5', [{ has: 'attn2.to_k', ends: 'lora_A.weight', dim: [1, 768] }]),
  row('lora-sd1-up', null, 'SD 1.5', [{ starts: 'lora_unet_up_blocks_3_attentions_2' }]),
  row('lora-sd1-text', null, 'SD 1.5', [{ starts: 'lora_te_text_model' }]),
];

export type AdapterKind = 'LoRA' | 'LoCon' | 'LoHa' | 'LoKr' | 'DoRA';

export interface AdapterRow {
  readonly kind: AdapterKind;
  readonly type: ModelType;
  readonly all: readonly Clue[];
}

/** DoRA first, because it is a decomposition on top of another kind. LoHa and LoKr are filed under LoCon upstream. */
export const ADAPTER_ROWS: readonly AdapterRow[] = [
  { kind: 'DoRA', type: 'DoRA', all: [{ ends: 'dora_scale' }] },
  { kind: 'DoRA', type: 'DoRA', all: [{ has: 'lora_magnitude_vector' }] },
  { kind: 'LoHa', type: 'LoCon', all: [{ ends: 'hada_w1_a' }] },
  { kind: 'LoKr', type: 'LoCon', all: [{ ends: 'lokr_w1' }] },
  { kind: 'LoKr', type: 'LoCon', all: [{ ends: 'lokr_w1_a' }] },
  { kind: 'LoCon', type: 'LoCon', all: [{ has: 'lora_mid' }] },
  // A 3×3 kernel; plain LoRA has 4-D weights of 1×1 in proj_in and proj_out
  { kind: 'LoCon', type: 'LoCon', all: [{ ends: 'lora_down.weight', rank: 4, dim: [-1, 3] }] },
  { kind: 'LoCon', type: 'LoCon', all: [{ ends: 'lora_A.weight', rank: 4, dim: [-1, 3] }] },
  { kind: 'LoRA', type: 'LORA', all: [{ has: 'lora_down' }] },
  { kind: 'LoRA', type: 'LORA', all: [{ has: 'lora_A' }] },
  { kind: 'LoRA', type: 'LORA', all: [{ has: 'lora.down' }] },
];

function row(id: string, type: ModelType | null, baseModel: string | null, all: readonly Clue[]): SignatureRow {
  return { id, type, baseModel, all };
}
