/** Each kind is one HTTP status; `kit/web/errors.ts` holds the table. */
export type ErrorKind =
  | 'unauthenticated'
  | 'malformed'
  | 'insufficient_credit'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'gone'
  | 'too_large'
  | 'invalid'
  | 'rate_limited'
  | 'withheld'
  | 'unavailable';

export interface ErrorDetail {
  /** Message by field name, in the words of the form. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
  /** Seconds after which it makes sense to try again. */
  readonly retryAfterSeconds?: number;
}

/** The only error thrown on purpose; `message` is for the person at the screen. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly kind: ErrorKind;
  readonly fields: Readonly<Record<string, string>>;
  readonly retryAfterSeconds: number | null;

  constructor(kind: ErrorKind, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.kind = kind;
    this.fields = detail.fields ?? {};
    this.retryAfterSeconds = detail.retryAfterSeconds ?? null;
  }
}
