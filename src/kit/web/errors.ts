import { AppError, type ErrorKind } from '../errors.ts';

/** The one place that gives a kind of error its status. */
const STATUS: Readonly<Record<ErrorKind, number>> = {
  unauthenticated: 401,
  malformed: 400,
  insufficient_credit: 402,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  too_large: 413,
  invalid: 422,
  rate_limited: 429,
  withheld: 451,
  unavailable: 503,
};

export interface Failure {
  readonly status: number;
  readonly kind: ErrorKind | 'internal';
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly retryAfterSeconds: number | null;
  /** A bug of ours or an outage: logged whole. */
  readonly isFault: boolean;
}

/** What the person is told of an error. Anything but an `AppError` is a bug: told to no one. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AppError) {
    return {
      status: STATUS[error.kind],
      kind: error.kind,
      message: error.message,
      fields: error.fields,
      retryAfterSeconds: error.retryAfterSeconds,
      isFault: error.kind === 'unavailable',
    };
  }
  return {
    status: 500,
    kind: 'internal',
    message: 'Something went wrong on our side. It has been written down.',
    fields: {},
    retryAfterSeconds: null,
    isFault: true,
  };
}
