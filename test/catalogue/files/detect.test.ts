import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Detection, detectSafetensors } from '../../../src/catalogue/files/detect.ts';
import { ADAPTER_BASE_ROWS, ADAPTER_ROWS, MODEL_ROWS } from '../../../src/catalogue/files/detection-table.ts';
import {
  ARCHITECTURE_SUFFIXES,
  ARCHITECTURES,
  KOHYA_BASES,
  NETWORK_MODULES,
  SDXL_OFFSPRING,
} from '../../../src/catalogue/files/metadata-table.ts';
import { parseSafetensors } from '../../../src/catalogue/files/safetensors.ts';
import {
  checkpointSd1,
  checkpointSdxl,
  kohyaLoraSd1,
  kohyaLoraSdxl,
  type SafetensorsSpec,
  safetensorsFile,
} from '../../factories/safetensors.ts';

const detectFile = (file: Buffer): Detection => detectSafetensors(parseSafetensors(file, file.length));
const detect = (tensors: SafetensorsSpec['tensors'], metadata: Record<string, string> = {}): Detection =>
  detectFile(safetensorsFile({ tensors, metadata, isBlank: true }));

/** A header for each row, written by hand from spec/model-files.md, not from the table under test. */
const models: Readonly<Record<string, readonly [string, string | null, SafetensorsSpec['tensors']]>> = {
  controlnet: ['Controlnet', null, { 'control_model.zero_convs.0.0.weight': [4, 4, 1, 1] }],
  'controlnet-diffusers': ['Controlnet', null, { 'controlnet_down_blocks.0.weight': [4, 4, 1, 1] }],
  'sdxl-refiner': ['Checkpoint', 'SDXL 1.0', { 'conditioner.embedders.0.model.ln_final.bias': [4] }],
  sdxl: [
    'Checkpoint',
    'SDXL 1.0',
    {
      'conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight': [2, 4],
      'first_stage_model.decoder.conv_in.weight': [2, 4, 3, 3],
    },
  ],
  sd1: [
    'Checkpoint',
    'SD 1.5',
    {
      'cond_stage_model.transformer.text_model.embeddings.position_ids': [1, 77],
      'first_stage_model.decoder.conv_in.weight': [2, 4, 3, 3],
    },
  ],
  sd2: ['Checkpoint', 'SD 2.1', { 'cond_stage_model.model.ln_final.bias': [4] }],
  'sd35-large': [
    'Checkpoint',
    'SD 3.5 Large',
    { 'model.diffusion_model.joint_blocks.0.context_block.attn.proj.bias': [2432] },
  ],
  'sd35-medium': [
    'Checkpoint',
    'SD 3.5 Medium',
    {
      'model.diffusion_model.joint_blocks.0.context_block.attn.proj.bias': [1536],
      'model.diffusion_model.joint_blocks.0.x_block.attn2.proj.bias': [4],
    },
  ],
  sd3: ['Checkpoint', 'SD 3', { 'model.diffusion_model.joint_blocks.0.context_block.attn.proj.bias': [1536] }],
  chroma: [
    'Checkpoint',
    'Chroma',
    { 'distilled_guidance_layer.in_proj.bias': [4], 'double_blocks.0.img_attn.norm.key_norm.scale': [4] },
  ],
  'flux2-dev': ['Checkpoint', 'Flux.2 D', { 'double_stream_modulation_img.lin.weight': [36864, 1] }],
  'flux2-klein-4b': ['Checkpoint', 'Flux.2 Klein 4B', { 'double_stream_modulation_img.lin.weight': [18432, 1] }],
  'flux2-klein-9b': ['Checkpoint', 'Flux.2 Klein 9B', { 'double_stream_modulation_img.lin.weight': [24576, 1] }],
  'hunyuan-video': [
    'Checkpoint',
    'Hunyuan Video',
    {
      'model.diffusion_model.txt_in.individual_token_refiner.blocks.0.norm1.weight': [4],
      'double_blocks.0.img_attn.norm.key_norm.scale': [4],
    },
  ],
  'flux1-dev': [
    'Checkpoint',
    'Flux.1 D',
    { 'double_blocks.0.img_attn.norm.key_norm.scale': [4], 'guidance_in.in_layer.bias': [4] },
  ],
  'flux1-schnell': [
    'Checkpoint',
    'Flux.1 S',
    { 'model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale': [4] },
  ],
  'qwen-image': [
    'Checkpoint',
    'Qwen',
    {
      'img_in.bias': [4],
      'transformer_blocks.0.attn.add_k_proj.bias': [4],
      'time_text_embed.timestep_embedder.linear_1.bias': [4],
    },
  ],
  'z-image': [
    'Checkpoint',
    'ZImageTurbo',
    {
      'context_refiner.0.attention.k_norm.weight': [4],
      'layers.0.adaLN_modulation.0.bias': [4],
      'cap_embedder.0.weight': [4],
    },
  ],
  'wan-1.3b': ['Checkpoint', 'Wan Video 1.3B t2v', { 'model.diffusion_model.blocks.0.cross_attn.k.bias': [1536] }],
  'wan-5b': ['Checkpoint', 'Wan Video 2.2 TI2V-5B', { 'net.blocks.0.cross_attn.k.bias': [3072] }],
  'wan-14b': ['Checkpoint', 'Wan Video 14B t2v', { 'blocks.0.cross_attn.k.bias': [5120] }],
  wan: ['Checkpoint', 'Wan Video', { 'blocks.0.cross_attn.k.bias': [77] }],
  ltxv: ['Checkpoint', 'LTXV', { 'model.diffusion_model.adaln_single.emb.timestep_embedder.linear_1.bias': [4] }],
  hidream: ['Checkpoint', 'HiDream', { 'caption_projection.0.linear.weight': [4, 4] }],
  lumina2: ['Checkpoint', 'Lumina', { 'cap_embedder.0.weight': [4] }],
  'embedding-sdxl': ['TextualInversion', 'SDXL 1.0', { clip_l: [2, 768], clip_g: [2, 1280] }],
  'embedding-sd1': ['TextualInversion', 'SD 1.5', { emb_params: [2, 768] }],
  'embedding-sd2': ['TextualInversion', 'SD 2.1', { emb_params: [2, 1024] }],
  'embedding-param-sd1': ['TextualInversion', 'SD 1.5', { 'string_to_param.*': [2, 768] }],
  'embedding-param-sd2': ['TextualInversion', 'SD 2.1', { 'string_to_param.*': [2, 1024] }],
  'vae-16': ['VAE', 'Flux.1 D', { 'decoder.conv_in.weight': [4, 16, 3, 3] }],
  'vae-4': ['VAE', null, { 'first_stage_model.decoder.conv_in.weight': [4, 4, 3, 3] }],
  vae: ['VAE', null, { 'first_stage_model.encoder.conv_out.bias': [4] }],
  'vae-conv': ['VAE', null, { 'decoder.conv_in.weight': [4, 8, 3, 3] }],
  upscaler: ['Upscaler', null, { 'model.0.weight': [4, 3, 3, 3] }],
  'upscaler-body': ['Upscaler', null, { 'conv_first.weight': [4, 3, 3, 3], 'body.3.rdb1.conv1.weight': [4, 4, 3, 3] }],
  'upscaler-rrdb': ['Upscaler', null, { 'body.0.weight': [4, 3, 3, 3], 'body.1.weight': [4] }],
};

const down = (module: string, inDim: number) => ({
  [`${module}.lora_down.weight`]: [4, inDim],
  [`${module}.lora_up.weight`]: [8, 4],
});
const peft = (module: string, inDim: number) => ({
  [`${module}.lora_A.weight`]: [4, inDim],
  [`${module}.lora_B.weight`]: [8, 4],
});

const adapterBases: Readonly<Record<string, readonly [string, SafetensorsSpec['tensors']]>> = {
  'lora-flux-kohya': [
    'Flux.1 D',
    {
      ...down('lora_unet_double_blocks_0_img_attn_proj', 64),
      ...down('lora_te1_text_model_encoder_layers_0_self_attn_q_proj', 768),
    },
  ],
  'lora-flux-kohya-single': ['Flux.1 D', down('lora_unet_single_blocks_0_linear1', 64)],
  'lora-flux-diffusers': ['Flux.1 D', peft('transformer.single_transformer_blocks.0.attn.to_q', 64)],
  'lora-flux-native': ['Flux.1 D', peft('diffusion_model.double_blocks.0.img_attn.proj', 64)],
  'lora-wan-14b': ['Wan Video 14B t2v', peft('diffusion_model.blocks.0.cross_attn.k', 5120)],
  'lora-wan-1.3b': ['Wan Video 1.3B t2v', peft('diffusion_model.blocks.0.cross_attn.k', 1536)],
  'lora-wan': ['Wan Video', peft('diffusion_model.blocks.3.cross_attn.k', 64)],
  'lora-wan-kohya': ['Wan Video', down('lora_unet_blocks_0_cross_attn_k', 64)],
  'lora-z-image': ['ZImageTurbo', peft('diffusion_model.layers.0.adaLN_modulation.0', 64)],
  'lora-z-image-attention': ['ZImageTurbo', peft('diffusion_model.layers.0.attention.to_q', 64)],
  'lora-qwen': [
    'Qwen',
    {
      ...peft('transformer.transformer_blocks.0.attn.add_k_proj', 64),
      ...peft('transformer.transformer_blocks.0.img_mlp.net.2', 64),
    },
  ],
  'lora-qwen-kohya': ['Qwen', down('lora_unet_transformer_blocks_0_attn_add_k_proj', 64)],
  'lora-sdxl-te': [
    'SDXL 1.0',
    {
      ...down('lora_te1_text_model_encoder_layers_0_mlp_fc1', 768),
      ...down('lora_te2_text_model_encoder_layers_0_mlp_fc1', 1280),
    },
  ],
  'lora-sdxl-output': ['SDXL 1.0', down('lora_unet_output_blocks_5_1_proj_in', 64)],
  'lora-sdxl-down': ['SDXL 1.0', down('lora_unet_down_blocks_2_attentions_1_transformer_blocks_9_ff_net_2', 64)],
  'lora-sdxl-attention': ['SDXL 1.0', down('lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k', 2048)],
  'lora-sdxl-peft': ['SDXL 1.0', peft('unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k', 2048)],
  'lora-sd2-attention': ['SD 2.1', down('lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_k', 1024)],
  'lora-sd2-peft': ['SD 2.1', peft('unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k', 1024)],
  'lora-sd2-text': ['SD 2.1', down('lora_te_text_model_encoder_layers_0_self_attn_q_proj', 1024)],
  'lora-sd1-attention': ['SD 1.5', down('lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k', 768)],
  'lora-sd1-peft': ['SD 1.5', peft('unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k', 768)],
  'lora-sd1-up': ['SD 1.5', down('lora_unet_up_blocks_3_attentions_2_proj_in', 64)],
  'lora-sd1-text': ['SD 1.5', down('lora_te_text_model_encoder_layers_0_self_attn_q_proj', 768)],
};

const adapters: readonly (readonly [string, string, SafetensorsSpec['tensors']])[] = [
  ['DoRA', 'DoRA', { ...down('lora_unet_x', 8), 'lora_unet_x.dora_scale': [8, 1] }],
  ['DoRA', 'DoRA', { ...peft('x', 8), 'x.lora_magnitude_vector.weight': [8] }],
  ['LoHa', 'LoCon', { 'lora_unet_x.hada_w1_a': [8, 4], 'lora_unet_x.hada_w1_b': [4, 8] }],
  ['LoKr', 'LoCon', { 'lora_unet_x.lokr_w1': [4, 4], 'lora_unet_x.lokr_w2': [8, 8] }],
  ['LoKr', 'LoCon', { 'lora_unet_x.lokr_w1_a': [4, 2], 'lora_unet_x.lokr_w1_b': [2, 4] }],
  ['LoCon', 'LoCon', { ...down('lora_unet_x', 8), 'lora_unet_x.lora_mid.weight': [4, 4, 3, 3] }],
  [
    'LoCon',
    'LoCon',
    { 'lora_unet_x_conv1.lora_down.weight': [4, 8, 3, 3], 'lora_unet_x_conv1.lora_up.weight': [8, 4, 1, 1] },
  ],
  ['LoCon', 'LoCon', { 'unet.x.conv1.lora_A.weight': [4, 8, 3, 3], 'unet.x.conv1.lora_B.weight': [8, 4, 1, 1] }],
  [
    'LoRA',
    'LORA',
    { 'lora_unet_x_proj_in.lora_down.weight': [4, 8, 1, 1], 'lora_unet_x_proj_in.lora_up.weight': [8, 4, 1, 1] },
  ],
  ['LoRA', 'LORA', peft('x', 8)],
  [
    'LoRA',
    'LORA',
    { 'unet.x.processor.to_q_lora.down.weight': [4, 8], 'unet.x.processor.to_q_lora.up.weight': [8, 4] },
  ],
];

test('every row of the tensor tables has its header here', () => {
  assert.deepEqual(Object.keys(models).toSorted(), MODEL_ROWS.map(({ id }) => id).toSorted());
  assert.deepEqual(Object.keys(adapterBases).toSorted(), ADAPTER_BASE_ROWS.map(({ id }) => id).toSorted());
  assert.equal(adapters.length, ADAPTER_ROWS.length);
});

for (const [id, [type, baseModel, tensors]] of Object.entries(models)) {
  test(`tensor names tell ${id}`, () => {
    const found = detect(tensors);
    assert.deepEqual([found.type, found.baseModel?.value ?? null], [{ value: type, from: 'tensor names' }, baseModel]);
  });
}

for (const [id, [baseModel, tensors]] of Object.entries(adapterBases)) {
  test(`tensor names tell the base of ${id}`, () => {
    const found = detect(tensors);
    assert.deepEqual(found.baseModel, { value: baseModel, from: 'tensor names' });
    assert.equal(found.type?.value, 'LORA');
    assert.deepEqual(found.rank, { value: 4, from: 'tensor shapes' });
  });
}

for (const [index, [kind, type, tensors]] of adapters.entries()) {
  test(`tensor names tell the kind of adapter ${index + 1}: ${kind} is filed under ${type}`, () => {
    const found = detect(tensors);
    assert.deepEqual([found.adapter?.value, found.type?.value], [kind, type]);
  });
}

for (const [architecture, baseModel] of ARCHITECTURES) {
  test(`modelspec.architecture ${architecture} is ${baseModel}`, () => {
    const found = detect({ x: [1] }, { 'modelspec.architecture': architecture });
    assert.deepEqual(found.baseModel, { value: baseModel, from: 'modelspec.architecture' });
    assert.deepEqual(found.type, { value: 'Checkpoint', from: 'modelspec.architecture' });
  });
}

for (const [suffix, type] of ARCHITECTURE_SUFFIXES) {
  test(`an architecture that ends in /${suffix} is a ${type}`, () => {
    const found = detect({ x: [1] }, { 'modelspec.architecture': `stable-diffusion-xl-v1-base/${suffix}` });
    assert.deepEqual([found.type?.value, found.baseModel?.value], [type, 'SDXL 1.0']);
  });
}

for (const [version, baseModel] of KOHYA_BASES) {
  test(`ss_base_model_version ${version} is ${baseModel}`, () => {
    const found = detect({ x: [1] }, { ss_base_model_version: version });
    assert.deepEqual(found.baseModel, { value: baseModel, from: 'ss_base_model_version' });
  });
}

for (const [networkModule, type] of NETWORK_MODULES) {
  test(`ss_network_module ${networkModule} is ${type}`, () => {
    assert.deepEqual(detect({ x: [1] }, { ss_network_module: networkModule }).type, {
      value: type,
      from: 'ss_network_module',
    });
  });
}

for (const [word, baseModel] of SDXL_OFFSPRING) {
  test(`an SDXL file that was trained on “${word}” is ${baseModel}`, () => {
    const found = detect(
      { x: [1] },
      { ss_base_model_version: 'sdxl_base_v1-0', ss_sd_model_name: `C:\\m\\${word}_v1.safetensors` },
    );
    assert.deepEqual(found.baseModel, { value: baseModel, from: 'ss_sd_model_name' });
  });
}

test('ss_network_args tell LoCon and DoRA from LoRA', () => {
  const typeOf = (options: object) =>
    detect({ x: [1] }, { ss_network_module: 'lycoris.kohya', ss_network_args: JSON.stringify(options) }).type;
  assert.deepEqual(typeOf({ algo: 'lora', dora_wd: 'True' }), { value: 'DoRA', from: 'ss_network_args' });
  assert.deepEqual(typeOf({ algo: 'loha' }), { value: 'LoCon', from: 'ss_network_args' });
  assert.deepEqual(typeOf({ conv_dim: '8' }), { value: 'LoCon', from: 'ss_network_args' });
});

test('modelspec comes before kohya’s fields, and those before tensor names, with a warning where they disagree', () => {
  const tensors = adapterBases['lora-sd1-attention']?.[1] ?? {};
  const all = detect(tensors, { 'modelspec.architecture': 'flux-1-dev/lora', ss_base_model_version: 'sdxl_base_v1-0' });
  assert.deepEqual(all.baseModel, { value: 'Flux.1 D', from: 'modelspec.architecture' });
  assert.deepEqual(all.warnings, ['modelspec.architecture says Flux.1 D, but the tensors look like SD 1.5.']);

  const kohya = detect(tensors, { ss_base_model_version: 'sdxl_base_v1-0', ss_network_dim: '16' });
  assert.deepEqual(kohya.baseModel, { value: 'SDXL 1.0', from: 'ss_base_model_version' });
  assert.equal(kohya.warnings.length, 2);
  assert.equal(kohya.rank?.value, 4);
});

test('a name for SDXL’s offspring is no contradiction of SDXL tensors', () => {
  assert.deepEqual(
    detectFile(kohyaLoraSdxl({ metadata: { ss_sd_model_name: 'ponyDiffusionV6XL.safetensors' } })).warnings,
    [],
  );
});

test('a checkpoint that says it is a LoRA keeps its word and gets a warning', () => {
  const found = detect(models.sd1?.[2] ?? {}, { 'modelspec.architecture': 'stable-diffusion-v1/lora' });
  assert.equal(found.type?.value, 'LORA');
  assert.match(found.warnings[0] ?? '', /says LORA, but the tensors look like Checkpoint/);
});

test('an unknown file leaves the choice to the person', () => {
  const found = detect({ 'something.weight': [4] });
  assert.deepEqual([found.type, found.baseModel, found.adapter, found.rank], [null, null, null, null]);
});

test('a kohya LoRA fills in the form', () => {
  const found = detectFile(kohyaLoraSd1({ name: 'brasswork', rank: 4 }));
  assert.deepEqual(found.type, { value: 'LORA', from: 'ss_network_module' });
  assert.deepEqual(found.baseModel, { value: 'SD 1.5', from: 'ss_base_model_version' });
  assert.deepEqual(found.rank, { value: 4, from: 'tensor shapes' });
  assert.deepEqual(found.alpha, { value: 2, from: 'ss_network_alpha' });
  assert.deepEqual(found.precision, { value: 'fp16', from: 'tensor types' });
  assert.deepEqual(found.triggerWords, { value: ['brasswork'], from: 'ss_tag_frequency' });
  assert.equal(found.settings.learning_rate, '0.0001');
  assert.equal(found.settings.clip_skip, undefined);
  assert.equal(found.lineage[0]?.value.name, 'v1-5-pruned.safetensors');
  assert.equal(found.lineage[0]?.value.hash?.length, 64);
  assert.deepEqual(found.privateKeys, ['ss_tag_frequency', 'ss_dataset_dirs']);
  assert.deepEqual(found.warnings, []);
});

test('a checkpoint tells title, licence, parents and prediction type', () => {
  const found = detectFile(checkpointSdxl());
  assert.deepEqual(found.title, { value: 'Small XL checkpoint', from: 'modelspec.title' });
  assert.deepEqual(found.license, { value: 'OpenRAIL++-M', from: 'modelspec.license' });
  assert.equal(detectFile(checkpointSd1()).baseModel?.value, 'SD 1.5');

  const merged = detect(
    { x: [1], v_pred: [0] },
    { 'modelspec.merged_from': '/home/ann/one.safetensors, two', 'modelspec.trigger_phrase': 'ohwx, in oils' },
  );
  assert.deepEqual(
    merged.lineage.map(({ value }) => value.name),
    ['one.safetensors', 'two'],
  );
  assert.deepEqual(merged.triggerWords?.value, ['ohwx', 'in oils']);
  assert.deepEqual(merged.predictionType, { value: 'v', from: 'tensor names' });
});

test('precision is that of most bytes', () => {
  const found = detect({ norm: { dtype: 'F32', shape: [4] }, big: { dtype: 'F8_E4M3', shape: [100] } });
  assert.deepEqual(found.precision, { value: 'fp8', from: 'tensor types' });
  assert.equal(detect({ w: { dtype: 'BF16', shape: [4] } }).precision?.value, 'bf16');
  assert.equal(detect({ 'w.quant_state.bitsandbytes__nf4': { dtype: 'U8', shape: [4] } }).precision?.value, 'nf4');
});

test('whatever the metadata holds, detection throws nothing', () => {
  const key = fc.constantFrom(
    ...['modelspec.architecture', 'ss_base_model_version', 'ss_network_module', 'ss_network_args', 'ss_network_dim'],
    ...[
      'ss_tag_frequency',
      'modelspec.trigger_phrase',
      'modelspec.merged_from',
      'ss_sd_model_name',
      'ss_new_sd_model_hash',
    ],
  );
  fc.assert(
    fc.property(fc.dictionary(key, fc.oneof(fc.json(), fc.string())), (metadata) => {
      const found = detect({ x: [1] }, metadata);
      assert.ok(found.warnings.length < 10);
    }),
  );
});

test('huge metadata is read in bounded time and cut', () => {
  const tags = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`tag ${index}`, 1]));
  const startedAt = performance.now();
  const found = detect(
    { x: [1] },
    { ss_tag_frequency: JSON.stringify({ a: tags }), 'modelspec.title': 'x'.repeat(5_000_000) },
  );
  assert.equal(found.triggerWords?.value.length, 5);
  assert.ok((found.title?.value.length ?? 0) <= 64 * 1024);
  assert.ok(performance.now() - startedAt < 3_000);
});
