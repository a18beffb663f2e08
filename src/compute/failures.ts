import { t } from '../kit/web/messages.ts';
import type { EngineErrorCode } from './engine/protocol.ts';

/** What a person is told of an error of the engine: what to do about it, with the engine's own words where they help. */
export const failureText = (code: EngineErrorCode, message: string): string =>
  t(`generate.failure.${code}`, { detail: message.slice(0, 300) }).trim();

/** Of these a training needs other advice than a generation. */
const OF_TRAINING: readonly EngineErrorCode[] = [
  ...(['oom_vram', 'oom_ram', 'disk_full', 'nan_output', 'dataset_invalid'] as const),
  ...(['gpu_lost', 'timeout', 'engine_crashed', 'unsupported'] as const),
];

/** The same for a training. */
export const trainingFailureText = (code: EngineErrorCode, message: string): string =>
  OF_TRAINING.includes(code)
    ? t(`train.failure.${code}`, { detail: message.slice(0, 300) })
    : failureText(code, message);

/** Of these a merge needs other advice. */
const OF_MERGES: readonly EngineErrorCode[] = [
  ...(['arch_mismatch', 'lora_mismatch', 'model_invalid', 'nan_output', 'bad_params'] as const),
  ...(['oom_ram', 'disk_full', 'timeout', 'engine_crashed', 'unsupported'] as const),
];

/** The same for a merge. */
export const mergeFailureText = (code: EngineErrorCode, message: string): string =>
  OF_MERGES.includes(code) ? t(`merge.failure.${code}`, { detail: message.slice(0, 300) }) : failureText(code, message);

/** Of these a captioner needs other advice. */
const OF_CAPTIONS: readonly EngineErrorCode[] = [
  'oom_ram',
  'model_invalid',
  'timeout',
  'engine_crashed',
  'unsupported',
];

/** The same for captions. */
export const captionFailureText = (code: EngineErrorCode, message: string): string =>
  OF_CAPTIONS.includes(code)
    ? t(`caption.failure.${code}`, { detail: message.slice(0, 300) })
    : failureText(code, message);
