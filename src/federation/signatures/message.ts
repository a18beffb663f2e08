import { AppError } from '../../kit/errors.ts';

/** An incoming request as it was on the wire. */
export interface SignedMessage {
  readonly method: string;
  /** Path and query exactly as received (`originalUrl`), before any rewriting. */
  readonly target: string;
  /** Node's `rawHeaders`: name, value, name, value. `headers` would hide what was sent twice. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** Where this node is, so that a signature for another server or path is worth nothing here. */
export interface Here {
  /** `https://node.example`, from the public URL. */
  readonly origin: string;
  readonly now: Date;
}

export class HeaderLines {
  readonly #values = new Map<string, string[]>();

  constructor(rawHeaders: readonly string[]) {
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = (rawHeaders[i] ?? '').toLowerCase();
      const values = this.#values.get(name) ?? [];
      values.push((rawHeaders[i + 1] ?? '').trim());
      this.#values.set(name, values);
    }
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of a header that may appear once; null when absent. Throws `unauthenticated` when repeated. */
  one(name: string): string | null {
    const values = this.#values.get(name) ?? [];
    if (values.length > 1) throw unauthenticated(`The ${name} header is repeated.`);
    return values[0] ?? null;
  }

  /** As both specifications want it: repeated headers joined by a comma and a space. */
  joined(name: string): string | null {
    // What decides about identity must have one reading, also for a proxy before us.
    if (DECISIVE.has(name)) return this.one(name);
    return this.#values.get(name)?.join(', ') ?? null;
  }
}

const DECISIVE: ReadonlySet<string> = new Set([
  ...['host', 'date', 'digest', 'content-digest', 'content-type', 'content-length', 'signature', 'signature-input'],
]);

export function unauthenticated(message: string, cause?: unknown): AppError {
  return new AppError('unauthenticated', message, cause === undefined ? {} : { cause });
}
