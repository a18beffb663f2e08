import { z } from 'zod';
import { type ListedFile, listedFile } from '../server/caps.ts';
import { away, failureOf, odd, ServerFailure } from '../server/failure.ts';
import { parseJson, type ServerHttp } from '../server/http.ts';
import type { Flavour } from './names.ts';

// Routes and shapes of /sdapi/v1: modules/api/api.py of A1111, which Forge keeps, and examples/server/routes_sdapi.cpp of
// stable-diffusion.cpp, which has some of them.

const name = z.string().max(500);
const Models = z.array(
  z.object({ title: name, model_name: name, filename: z.string().max(2_000), sha256: z.string().nullish() }),
);
const Names = z.array(z.object({ name, label: z.string().max(500).nullish(), path: z.string().max(2_000).nullish() }));
const Vaes = z.array(z.object({ model_name: name }));
const Embeddings = z.object({ loaded: z.record(z.string(), z.unknown()) });
const Memory = z.object({ cuda: z.object({ system: z.object({ free: z.number(), total: z.number() }) }) });
const Capabilities = z.object({}).loose();
const Progress = z.object({
  progress: z.number(),
  eta_relative: z.number().nullish(),
  state: z.object({
    job_count: z.number().default(0),
    sampling_step: z.number().default(0),
    sampling_steps: z.number().default(0),
  }),
  current_image: z.string().nullish(),
  current_task: z.string().nullish(),
});
export type Progress = z.output<typeof Progress>;
const Made = z.object({ images: z.array(z.string()).min(1), info: z.string().max(200_000).default('{}') });

const MB = 1_000_000;
const MOST = 20_000;

export interface NamedFile extends ListedFile {
  /** Where it lies over there; stable-diffusion.cpp wants it of a LoRA. */
  readonly path: string;
}

/** The questions that are asked of a server that speaks /sdapi/v1. Each throws ServerFailure. */
export class SdApiClient {
  readonly #http: ServerHttp;

  constructor(http: ServerHttp) {
    this.#http = http;
  }

  async flavour(): Promise<Flavour> {
    if (await this.#has('sdcpp/v1/capabilities', Capabilities)) return 'sd-server';
    // Forge has it in place of sd-vae
    return (await this.#has('sdapi/v1/sd-modules', z.array(z.unknown()))) ? 'Forge' : 'A1111';
  }

  async models(): Promise<(ListedFile & { readonly title: string })[]> {
    const found = await this.#http.read(this.#http.url('sdapi/v1/sd-models'), Models, { maxBytes: 8 * MB });
    return found.slice(0, MOST).map(({ title, filename, sha256 }) => {
      // sd-server tells only the name, and one hash of eights for every model
      const isHash = /^[0-9a-f]{64}$/.test(sha256 ?? '') && new Set(sha256).size > 1;
      return { ...listedFile(filename, isHash ? (sha256 ?? null) : null), title };
    });
  }

  /** Empty where it has no such list. */
  async names(list: 'samplers' | 'schedulers' | 'upscalers' | 'latent-upscale-modes' | 'loras'): Promise<NamedFile[]> {
    const found = await this.#optional(`sdapi/v1/${list}`, Names, 32 * MB);
    return (found ?? []).slice(0, MOST).map(({ name, label, path }) => ({
      ...listedFile(list === 'schedulers' ? (label ?? name) : name),
      path: path ?? name,
    }));
  }

  async vaes(): Promise<ListedFile[]> {
    const found = await this.#optional('sdapi/v1/sd-vae', Vaes, MB);
    return (found ?? []).slice(0, MOST).map(({ model_name }) => listedFile(model_name));
  }

  async embeddings(): Promise<ListedFile[] | null> {
    const found = await this.#optional('sdapi/v1/embeddings', Embeddings, 8 * MB);
    return found
      ? Object.keys(found.loaded)
          .slice(0, MOST)
          .map((one) => listedFile(one))
      : null;
  }

  /** MiB; zeros where it has no CUDA or does not say. */
  async memory(): Promise<{ readonly total: number; readonly free: number }> {
    const system = (await this.#optional('sdapi/v1/memory', Memory, MB))?.cuda.system;
    const mb = (bytes = 0) => Math.round(bytes / 1_048_576);
    return { total: mb(system?.total), free: mb(system?.free) };
  }

  /** Null where it has no such route, or does not answer just now. */
  async progress(signal: AbortSignal): Promise<Progress | null> {
    const url = this.#http.url('sdapi/v1/progress', { skip_current_image: 'false' });
    return await this.#http.read(url, Progress, { maxBytes: 16 * MB, timeoutMs: 5_000, signal }).catch(() => null);
  }

  /** Of whatever it does: it knows no jobs. */
  async interrupt(): Promise<void> {
    await this.#http.ask(this.#http.url('sdapi/v1/interrupt'), { json: {}, timeoutMs: 5_000 }).catch(() => null);
  }

  /** Blocks until the picture is made. */
  async make(
    kind: 'txt2img' | 'img2img',
    json: object,
    {
      maxBytes,
      timeoutMs,
      signal,
    }: { readonly maxBytes: number; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<{ readonly image: Buffer; readonly infotext: string }> {
    const reply = await this.#http.ask(this.#http.url(`sdapi/v1/${kind}`), { json, maxBytes, timeoutMs, signal });
    if (reply.status === 401) throw odd('The server wants a name and a password: put them into SDAPI_URL.');
    if (reply.status === 502 || reply.status === 503 || reply.status === 504)
      throw away(`The server answers ${reply.status}.`);
    if (reply.status !== 200) throw refusalOf(reply.status, reply.body);
    const { images, info } = this.#http.parse(reply, Made);
    const image = pictureOf(images[0] ?? '');
    if (!image) throw odd('The server made no picture.');
    const about = z.object({ infotexts: z.array(z.string()) }).safeParse(parseJson(info)).data;
    return { image, infotext: about?.infotexts[0]?.slice(0, 10_000) ?? '' };
  }

  async #has(path: string, shape: z.ZodType): Promise<boolean> {
    return (await this.#optional(path, shape, 4 * MB)) !== null;
  }

  /** Null for what this program does not have. Throws when it does not answer at all. */
  async #optional<Shape extends z.ZodType>(
    path: string,
    shape: Shape,
    maxBytes: number,
  ): Promise<z.output<Shape> | null> {
    try {
      return await this.#http.read(this.#http.url(path), shape, { maxBytes });
    } catch (error) {
      if (error instanceof ServerFailure && !error.isAway) return null;
      throw error;
    }
  }
}

/** Base64, as some write it with `data:image/png;base64,` before it. */
export function pictureOf(text: string): Buffer | null {
  const base64 = text.slice(text.indexOf(',') + 1);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64.slice(0, 200)) ? Buffer.from(base64, 'base64') : null;
}

const Problem = z.object({
  error: z.string().default(''),
  detail: z.unknown(),
  errors: z.string().default(''),
  message: z.string().default(''),
});

function refusalOf(status: number, body: Buffer): ServerFailure {
  const { error, detail, errors, message } = Problem.safeParse(parseJson(body)).data ?? {
    error: '',
    errors: '',
    message: '',
  };
  const said = [error, typeof detail === 'string' ? detail : JSON.stringify(detail ?? ''), message, errors].join(' ');
  const text = said.replaceAll('""', '').trim() || `The server answers ${status}.`;
  const failure = failureOf(text);
  if (failure.code !== 'internal') return failure;
  return status >= 400 && status < 500 ? new ServerFailure('bad_params', text) : failure;
}
