import type { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Net, Reply } from '../../kit/net/net.ts';
import { away, odd } from './failure.ts';

interface Ask {
  readonly method?: 'GET' | 'POST';
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly form?: FormFile;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One file and some fields of a multipart form. */
interface FormFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly fields: Readonly<Record<string, string>>;
}

const MB = 1_000_000;

/** The one host of a setting, asked through the guarded client, with bounds on each answer. */
export class ServerHttp {
  readonly #net: Net;
  readonly #base: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly hosts: readonly string[];

  constructor(net: Net, address: URL) {
    this.#net = net;
    const base = new URL(address);
    const { username, password } = base;
    this.headers =
      username === ''
        ? {}
        : {
            authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
          };
    base.username = base.password = base.search = base.hash = '';
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    this.#base = base;
    this.hosts = [base.host];
  }

  /** Without a name and password: it is shown and logged. */
  get address(): string {
    return this.#base.href;
  }

  url(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  /** Whatever it answers. Throws ServerFailure: away when it does not answer. */
  async ask(url: URL, { method, json, form, maxBytes = MB, timeoutMs = 10_000, signal }: Ask = {}): Promise<Reply> {
    const boundary = `tessera-${crypto.randomUUID()}`;
    const body = json !== undefined ? JSON.stringify(json) : form ? multipart(form, boundary) : undefined;
    const type = form ? `multipart/form-data; boundary=${boundary}` : 'application/json';
    try {
      return await this.#net.operatorFetch(url, {
        hosts: this.hosts,
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: { ...this.headers, ...(body === undefined ? {} : { 'content-type': type }) },
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
        ...{ maxBytes, timeoutMs },
      });
    } catch (cause) {
      if (cause instanceof AppError && cause.kind === 'too_large')
        throw odd(`${this.address} answered too much.`, cause);
      throw away(`${this.address} does not answer.`, cause);
    }
  }

  /** JSON of a 2xx answer in this shape. */
  async read<Shape extends z.ZodType>(url: URL, shape: Shape, ask: Ask = {}): Promise<z.output<Shape>> {
    const reply = await this.ask(url, ask);
    if (reply.status >= 500) throw away(`${this.address} answers ${reply.status}.`);
    if (reply.status < 200 || reply.status > 299)
      throw odd(`${this.address} answers ${reply.status} to ${url.pathname}.`);
    return this.parse(reply, shape);
  }

  parse<Shape extends z.ZodType>({ body, url }: Pick<Reply, 'body' | 'url'>, shape: Shape): z.output<Shape> {
    const found = shape.safeParse(parseJson(body));
    if (!found.success)
      throw odd(`${this.address} answers ${url.pathname} in a way that is not understood.`, found.error);
    return found.data;
  }
}

export function parseJson(body: Buffer | string): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

/** RFC 7578. The names are ours: letters, digits, `-` and `.`. */
function multipart({ name, bytes, fields }: FormFile, boundary: string): Buffer {
  const part = (head: string) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n`;
  const texts = Object.entries(fields).map(([key, value]) => `${part(`name="${key}"`)}\r\n${value}\r\n`);
  const head = `${part(`name="image"; filename="${name}"`)}Content-Type: image/png\r\n\r\n`;
  return Buffer.concat([Buffer.from(texts.join('') + head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]);
}
