import { t } from '../kit/web/messages.ts';
import type { EngineErrorCode } from './engine/protocol.ts';

/** What a person is told of an error of the engine: what to do about it, with the engine's own words where they help. */
export const failureText = (code: EngineErrorCode, message: string): string =>
  t(`generate.failure.${code}`, { detail: message.slice(0, 300) }).trim();
