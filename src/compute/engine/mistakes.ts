import type { EngineErrorCode } from './protocol.ts';

const MISTAKES: readonly EngineErrorCode[] = [
  ...(['bad_message', 'bad_params', 'unsupported', 'model_not_found', 'model_invalid', 'model_unsafe'] as const),
  ...(['arch_mismatch', 'lora_mismatch', 'dataset_invalid', 'nan_output'] as const),
];

/** Who asked could have asked better; all else is ours, and costs them nothing. */
export const isMistake = (code: EngineErrorCode): boolean => MISTAKES.includes(code);
