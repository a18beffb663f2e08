import { folderName } from '../datasets/export-zip.ts';
import { loraName } from './command.ts';
import type { TrainingRun } from './model.ts';
import type { TrainSettings } from './params.ts';

// The same training in the words of kohya-ss/sd-scripts: one file for `--config_file`, one for `--dataset_config`. Names
// are those of its documentation (docs/config_README-en.md, docs/train_network.md).

type Value = string | number | boolean | readonly string[];
type Table = readonly (readonly [key: string, value: Value | null])[];

/** A basic string (TOML 1.0, String): quotes, backslashes and control characters escaped, nothing else needs it. */
function tomlString(text: string): string {
  const escaped = text.replaceAll(/["\\\p{Cc}]/gu, (sign) => {
    const short = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }[sign];
    return short ?? `\\u${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  });
  return `"${escaped.replaceAll(/\p{Surrogate}/gu, '\uFFFD')}"`;
}

function tomlValue(value: Value): string {
  if (typeof value === 'string') return tomlString(value);
  if (typeof value === 'object') return `[${value.map(tomlString).join(', ')}]`;
  // a float may be written 5e-5; JavaScript writes no sign that TOML would not take
  return String(value);
}

const lines = (table: Table): string =>
  table.flatMap(([key, value]) => (value === null ? [] : [`${key} = ${tomlValue(value)}\n`])).join('');

const OPTIMIZER_NAMES: Readonly<Record<TrainSettings['optimizer'], readonly [name: string, args: readonly string[]]>> =
  {
    adamw: ['AdamW', ['weight_decay=0.1']],
    adamw8bit: ['AdamW8bit', ['weight_decay=0.1']],
    adafactor: ['Adafactor', ['scale_parameter=False', 'relative_step=False', 'warmup_init=False']],
    prodigy: ['Prodigy', ['weight_decay=0.5', 'decouple=True', 'use_bias_correction=True']],
  };
const SCHEDULE_NAMES: Readonly<Record<TrainSettings['lr_schedule'], string>> = {
  constant: 'constant',
  cosine: 'cosine',
  cosine_restarts: 'cosine_with_restarts',
  linear: 'linear',
};

/** For `train_network.py`, or `sdxl_train_network.py` where the base is of that family. */
export function kohyaConfig({ name, base, params }: TrainingRun): string {
  const [optimizer, optimizerArgs] = OPTIMIZER_NAMES[params.optimizer];
  const isConstant = params.lr_schedule === 'constant' && params.lr_warmup > 0;
  return lines([
    ['pretrained_model_name_or_path', `${base.name}.safetensors`],
    ['output_dir', 'output'],
    ['output_name', loraName(name)],
    ['save_model_as', 'safetensors'],
    ['save_precision', params.save.dtype],
    ['save_every_n_epochs', params.save.every_epochs],
    ['save_last_n_epochs', params.save.keep],
    ['max_train_epochs', params.max_steps === null ? params.epochs : null],
    ['max_train_steps', params.max_steps],
    ['gradient_accumulation_steps', params.grad_accum],
    ['network_module', 'networks.lora'],
    ['network_dim', params.rank],
    ['network_alpha', params.alpha],
    ['network_args', params.conv_rank ? [`conv_dim=${params.conv_rank}`, `conv_alpha=${params.conv_rank}`] : null],
    ['network_train_unet_only', params.te_lr === 0],
    ['learning_rate', params.unet_lr],
    ['unet_lr', params.unet_lr],
    ['text_encoder_lr', params.te_lr > 0 ? params.te_lr : null],
    ['optimizer_type', optimizer],
    ['optimizer_args', optimizerArgs],
    ['lr_scheduler', isConstant ? 'constant_with_warmup' : SCHEDULE_NAMES[params.lr_schedule]],
    ['lr_warmup_steps', params.lr_warmup],
    ['lr_scheduler_num_cycles', params.lr_schedule === 'cosine_restarts' ? params.lr_cycles : null],
    ['min_snr_gamma', params.min_snr_gamma > 0 ? params.min_snr_gamma : null],
    ['noise_offset', params.noise_offset > 0 ? params.noise_offset : null],
    ['clip_skip', base.family === 'sdxl' ? null : params.clip_skip],
    ['mixed_precision', params.precision === 'fp32' ? 'no' : params.precision],
    ['gradient_checkpointing', params.grad_checkpoint],
    ['cache_latents', params.cache_latents],
    ['cache_text_encoder_outputs', base.family === 'sdxl' ? params.cache_text : null],
    ['seed', params.seed],
    ['sample_every_n_epochs', params.samples.prompts.length > 0 ? params.samples.every_epochs : null],
    ['sample_sampler', params.samples.prompts.length > 0 ? 'euler' : null],
    ['training_comment', params.trigger === '' ? null : `trigger: ${params.trigger}`],
    ['sdpa', true],
  ]);
}

/** Each number of repeats is a subset of its own, in the folders that the download of the set makes. */
export function kohyaDataset(run: TrainingRun, setName: string): string {
  const { params, manifest } = run;
  const repeats = [...new Set(manifest.items.map((item) => item.repeats))].sort((a, b) => a - b);
  const head = lines([
    ['shuffle_caption', params.shuffle_tags],
    ['caption_extension', '.txt'],
    ['keep_tokens', params.keep_tokens],
    ['caption_dropout_rate', params.caption_dropout],
    ['caption_prefix', params.trigger === '' ? null : `${params.trigger}, `],
    ['flip_aug', params.flip],
  ]);
  const set = lines([
    ['resolution', params.resolution],
    ['batch_size', params.batch],
    ['enable_bucket', params.bucket.enable],
    ['bucket_reso_steps', params.bucket.step],
    ['min_bucket_reso', params.bucket.min],
    ['max_bucket_reso', params.bucket.max],
    ['bucket_no_upscale', params.bucket.no_upscale],
  ]);
  const subsets = repeats.map(
    (its) =>
      `\n[[datasets.subsets]]\n${lines([
        ['image_dir', `${its || 1}_${folderName(setName)}`],
        ['num_repeats', its || params.repeats],
      ])}`,
  );
  return `[general]\n${head}\n[[datasets]]\n${set}${subsets.join('')}`;
}
