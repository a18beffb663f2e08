import type { EngineErrorCode } from './protocol.ts';

/** What a person is told; the engine's own words where they say more. */
const MESSAGES: Partial<Readonly<Record<EngineErrorCode, string>>> = {
  oom_vram: 'The GPU has too little memory for this size. Try a smaller one, or fewer pictures at once.',
  oom_ram: 'The machine has too little memory for this model.',
  disk_full: 'The disk of this node is full.',
  nan_output: 'The model gave no picture (NaN). Try another sampler, or another model.',
  gpu_lost: 'The GPU stopped answering, twice.',
  timeout: 'The engine stopped moving and was ended, twice.',
  engine_crashed: 'The engine crashed on this request twice, so it is not tried again.',
  lora_mismatch: 'One of the LoRAs does not fit this checkpoint.',
};

/** The same of a training. */
const TRAINING_MESSAGES: Partial<Readonly<Record<EngineErrorCode, string>>> = {
  oom_vram:
    'The GPU has too little memory for this. Take a smaller batch or resolution, or switch gradient checkpointing on.',
  oom_ram: 'The machine has too little memory for this training.',
  disk_full: 'The disk of this node is full.',
  nan_output: 'The numbers of the training ran away (NaN). Take lower learning rates.',
  dataset_invalid: 'One of the pictures could not be read by the trainer.',
  gpu_lost: 'The GPU stopped answering again and again.',
  timeout: 'The engine stopped moving and was ended again and again.',
  engine_crashed: 'The engine crashed on this training twice without getting on, so it is not tried any more.',
  unsupported: 'The engine of this node cannot train this.',
};

export const messageOf = (code: EngineErrorCode, message: string): string => MESSAGES[code] ?? message;
export const trainingMessageOf = (code: EngineErrorCode, message: string): string => TRAINING_MESSAGES[code] ?? message;

const MISTAKES: readonly EngineErrorCode[] = [
  ...(['bad_message', 'bad_params', 'unsupported', 'model_not_found', 'model_invalid', 'model_unsafe'] as const),
  ...(['arch_mismatch', 'lora_mismatch', 'dataset_invalid', 'nan_output'] as const),
];

/** Who asked could have asked better; all else is ours, and costs them nothing. */
export const isMistake = (code: EngineErrorCode): boolean => MISTAKES.includes(code);
