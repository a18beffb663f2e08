import { AppError } from '../errors.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'XMinioStorageFull', 'InsufficientStorage', 'QuotaExceeded']);
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS', 'AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch']);

/** What disks and S3 stores say, in words for the person who waits; the cause is for the log. */
export function storageError(cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const word = failureWord(cause);
  if (FULL.has(word)) return new AppError('unavailable', 'The disk is full; nothing was saved.', { cause });
  if (FORBIDDEN.has(word)) {
    return new AppError('unavailable', 'The node may not use its file store; its owner must look.', { cause });
  }
  return new AppError('unavailable', 'The file store cannot be reached; try again later.', { cause });
}

export const isMissing = (cause: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'NoSuchKey', 'NotFound'].includes(failureWord(cause));

export const missingBlob = (cause?: unknown): AppError =>
  new AppError('not_found', 'This file is not here any more.', { cause });

/** `code` of a system error, else `name` of an S3 one. */
export function failureWord(cause: unknown): string {
  if (!(cause instanceof Error)) return '';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
