import { createHash } from 'node:crypto';

/**
 * Small valid safetensors files, the same bytes each time: enough of a real file's tensor names and shapes that it is
 * recognised for what it stands for, and nothing that an engine could run.
 */
interface TensorSpec {
  readonly dtype?: 'F16' | 'BF16' | 'F32' | 'F8_E4M3' | 'U8' | 'I64';
  readonly shape: readonly number[];
}

export interface SafetensorsSpec {
  readonly tensors: Readonly<Record<string, TensorSpec | readonly number[]>>;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Another seed makes other bytes for the same tensors. */
  readonly seed?: string;
  /** Zeroes instead of the seeded bytes, for headers whose numbers nobody looks at. */
  readonly isBlank?: boolean;
}

const ELEMENT_BYTES = { F16: 2, BF16: 2, F32: 4, F8_E4M3: 1, U8: 1, I64: 8 } as const;

export function safetensorsFile({ tensors, metadata, seed = 'tessera', isBlank = false }: SafetensorsSpec): Buffer {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let at = 0;
  for (const [name, spec] of Object.entries(tensors)) {
    const { dtype = 'F16', shape } = 'shape' in spec ? spec : { shape: spec };
    const end = at + shape.reduce((product, side) => product * side, 1) * ELEMENT_BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [at, end] };
    at = end;
  }
  return withHeader(header, isBlank ? Buffer.alloc(at) : seededBytes(seed, at));
}

/** Any header before any buffer, valid or not. The JSON is padded with spaces to a multiple of 8, as the writers do. */
export function withHeader(header: unknown, buffer: Uint8Array = new Uint8Array()): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, buffer]);
}

function seededBytes(seed: string, totalBytes: number): Buffer {
  const blocks: Buffer[] = [];
  for (let block = 0; block * 32 < totalBytes; block += 1) {
    blocks.push(createHash('sha256').update(`${seed}:${block}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, totalBytes);
}

const pair = (module: string, rank: number, inDim: number, outDim: number): Record<string, TensorSpec> => ({
  [`${module}.alpha`]: { shape: [] },
  [`${module}.lora_down.weight`]: { shape: [rank, inDim] },
  [`${module}.lora_up.weight`]: { shape: [outDim, rank] },
});

const kohyaMetadata = (base: string, rank: number, name: string): Record<string, string> => ({
  ss_base_model_version: base,
  ss_network_module: 'networks.lora',
  ss_network_dim: String(rank),
  ss_network_alpha: String(rank / 2),
  ss_output_name: name,
  ss_sd_model_name: base === 'sd_v1' ? 'v1-5-pruned.safetensors' : 'sd_xl_base_1.0.safetensors',
  ss_new_sd_model_hash: createHash('sha256').update(base).digest('hex'),
  ss_learning_rate: '0.0001',
  ss_optimizer: 'torch.optim.adamw.AdamW',
  ss_num_train_images: '20',
  ss_num_epochs: '10',
  ss_steps: '1200',
  ss_resolution: base === 'sd_v1' ? '(512, 512)' : '(1024, 1024)',
  ss_clip_skip: 'None',
  ss_seed: '42',
  ss_tag_frequency: JSON.stringify({ [`10_${name}`]: { [name]: 20, 'plain background': 6, smiling: 4 } }),
  ss_dataset_dirs: JSON.stringify({ [`10_${name}`]: { n_repeats: 10, img_count: 20 } }),
});

export interface LoraSpec {
  readonly name?: string;
  readonly rank?: number;
  readonly seed?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function kohyaLoraSd1({ name = 'brasswork', rank = 4, seed = name, metadata = {} }: LoraSpec = {}): Buffer {
  return safetensorsFile({
    seed,
    metadata: { ...kohyaMetadata('sd_v1', rank, name), ...metadata },
    tensors: {
      ...pair('lora_te_text_model_encoder_layers_0_self_attn_q_proj', rank, 768, 768),
      ...pair('lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_k', rank, 768, 320),
    },
  });
}

export function kohyaLoraSdxl({ name = 'inkwash', rank = 8, seed = name, metadata = {} }: LoraSpec = {}): Buffer {
  return safetensorsFile({
    seed,
    metadata: { ...kohyaMetadata('sdxl_base_v1-0', rank, name), ...metadata },
    tensors: {
      ...pair('lora_te1_text_model_encoder_layers_0_self_attn_q_proj', rank, 768, 768),
      ...pair('lora_te2_text_model_encoder_layers_0_self_attn_q_proj', rank, 1280, 1280),
      ...pair('lora_unet_output_blocks_5_1_transformer_blocks_0_attn2_to_k', rank, 2048, 640),
    },
  });
}

export function checkpointSd1({ seed = 'checkpoint' }: { seed?: string } = {}): Buffer {
  return safetensorsFile({
    seed,
    tensors: {
      'cond_stage_model.transformer.text_model.embeddings.position_ids': { dtype: 'I64', shape: [1, 77] },
      'model.diffusion_model.input_blocks.0.0.weight': [320, 4, 3, 3],
      'first_stage_model.decoder.conv_in.weight': [8, 4, 3, 3],
    },
  });
}

export function checkpointSdxl({ seed = 'checkpoint-xl' }: { seed?: string } = {}): Buffer {
  return safetensorsFile({
    seed,
    metadata: {
      'modelspec.sai_model_spec': '1.0.1',
      'modelspec.architecture': 'stable-diffusion-xl-v1-base',
      'modelspec.title': 'Small XL checkpoint',
      'modelspec.license': 'OpenRAIL++-M',
    },
    tensors: {
      'conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight': [77, 768],
      'model.diffusion_model.input_blocks.0.0.weight': [320, 4, 3, 3],
      'first_stage_model.decoder.conv_in.weight': [8, 4, 3, 3],
    },
  });
}
