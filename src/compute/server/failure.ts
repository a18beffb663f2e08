import { AppError } from '../../kit/errors.ts';
import type { EngineErrorCode } from '../engine/protocol.ts';
import { failed, type JobOutcome } from '../engine/running-jobs.ts';

/** What a server says is wrong with a job, in the codes of the protocol. */
export class ServerFailure extends Error {
  override readonly name = 'ServerFailure';
  readonly code: EngineErrorCode;
  readonly isRetryable: boolean;
  /** It cannot be reached, so that others need not try. */
  readonly isAway: boolean;

  constructor(
    code: EngineErrorCode,
    message: string,
    { retryable = false, away = false, cause = null as unknown } = {},
  ) {
    super(message.slice(0, 500), { cause });
    this.code = code;
    this.isRetryable = retryable;
    this.isAway = away;
  }
}

export const away = (message: string, cause: unknown = null): ServerFailure =>
  new ServerFailure('engine_crashed', message, { retryable: true, away: true, cause });

/** Answers that this program does not give: another program, another release, or one that means harm. */
export const odd = (message: string, cause: unknown = null): ServerFailure =>
  new ServerFailure('internal', message, { cause });

export function outcomeOf(error: unknown): JobOutcome {
  if (error instanceof ServerFailure) return failed(error.code, error.message, error.isRetryable);
  if (error instanceof AppError) return failed('internal', error.message, error.kind === 'unavailable');
  return failed('internal', error instanceof Error ? error.message : 'The server failed.', false);
}

const OUT_OF_MEMORY = /out ?of ?memory|OutOfMemoryError|not enough memory|CUDA error: out of|failed to allocate/i;
const NOT_FOUND = /model not found|not in list|could not (?:find|load) (?:the )?model|No such file/i;
const NAN = /NansException|produced (?:in|by) .*NaN|tensor with (?:all )?NaNs/i;

/** Where files lie on another machine is nobody's business here. */
const PATHS = /(?:[A-Za-z]:)?(?:[\\/][^\s'"\\/:]+)+[\\/](?=[^\s'"\\/]+)/g;

/** What a traceback means to the person who asked. */
export function failureOf(text: string): ServerFailure {
  const message = text.slice(0, 2_000).replaceAll(PATHS, '').replaceAll(/\s+/g, ' ').trim().slice(0, 300);
  if (OUT_OF_MEMORY.test(text)) return new ServerFailure('oom_vram', message);
  if (NAN.test(text)) return new ServerFailure('nan_output', message);
  if (NOT_FOUND.test(text)) return new ServerFailure('model_not_found', message);
  return new ServerFailure('internal', message === '' ? 'The server failed without saying why.' : message);
}
