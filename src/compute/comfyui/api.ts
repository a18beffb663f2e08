import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EngineHello } from '../engine/protocol.ts';
import { failureOf, odd, ServerFailure } from '../server/failure.ts';
import type { ServerHttp } from '../server/http.ts';
import type { Graph } from './graph.ts';

// Routes and shapes as in server.py and execution.py of ComfyUI.

const text = z.string().max(4_000);
const Stats = z.object({
  system: z.object({ comfyui_version: z.string().max(40).default('') }),
  devices: z
    .array(z.object({ name: text, type: z.string().max(40), vram_total: z.number(), vram_free: z.number() }))
    .default([]),
});
const Inputs = z.record(z.string(), z.array(z.unknown()));
const NodeInfo = z.object({ input: z.object({ required: Inputs.default({}) }) });
const NodeInfos = z.record(z.string(), NodeInfo);
export type NodeInfo = z.output<typeof NodeInfo>;

const Refused = z.object({
  error: z.object({ type: text, message: text, details: z.string().default('') }),
  node_errors: z
    .record(
      z.string(),
      z.object({
        class_type: z.string(),
        errors: z.array(z.object({ type: z.string(), message: z.string(), details: z.string().default('') })),
      }),
    )
    .catch({}),
});
const Picture = z.object({
  filename: z.string().max(300),
  subfolder: z.string().max(300),
  type: z.enum(['temp', 'output']),
});
const Entry = z.object({
  status: z
    .object({ completed: z.boolean(), messages: z.array(z.tuple([z.string(), z.unknown()])).default([]) })
    .nullish(),
  outputs: z.record(z.string(), z.object({ images: z.array(z.unknown()).default([]) })).default({}),
});
type Entry = z.output<typeof Entry>;
const Queue = z.object({
  queue_running: z.array(z.array(z.unknown())),
  queue_pending: z.array(z.array(z.unknown())),
});
const Uploaded = z.object({ name: z.string().min(1).max(300), subfolder: z.string().max(300) });
const Failed = z.object({ exception_message: z.string().default(''), exception_type: z.string().default('') });

const MB = 1_000_000;

/** The questions that are asked of a ComfyUI. Each throws ServerFailure. */
export class ComfyApi {
  readonly #http: ServerHttp;

  constructor(http: ServerHttp) {
    this.#http = http;
  }

  async stats(): Promise<{ readonly version: string; readonly device: EngineHello['device'] }> {
    const { system, devices } = await this.#http.read(this.#http.url('system_stats'), Stats);
    const [first] = devices;
    const mb = (bytes: number) => Math.round(bytes / 1_048_576);
    const isCpu = first === undefined || first.type === 'cpu';
    return {
      version: system.comfyui_version,
      device: {
        ...{ kind: first?.type ?? 'cpu', name: first?.name.slice(0, 120) ?? '' },
        vram_total: isCpu ? 0 : mb(first.vram_total),
        vram_free: isCpu ? 0 : mb(first.vram_free),
      },
    };
  }

  /** Null where it has no such node. */
  async node(name: string): Promise<NodeInfo | null> {
    const found = await this.#http.read(this.#http.url(`object_info/${name}`), NodeInfos, { maxBytes: 4 * MB });
    return found[name] ?? null;
  }

  embeddings(): Promise<string[]> {
    return this.#http.read(this.#http.url('embeddings'), z.array(z.string().max(300)).max(20_000), {
      maxBytes: 4 * MB,
    });
  }

  /** Lays a picture into its folder for temporary files. Returns how a graph names it. */
  async upload(name: string, bytes: Buffer, signal: AbortSignal): Promise<string> {
    const form = { name, bytes, fields: { type: 'temp', overwrite: 'true' } };
    const saved = await this.#http.read(this.#http.url('upload/image'), Uploaded, { form, signal, timeoutMs: 60_000 });
    return `${saved.subfolder === '' ? '' : `${saved.subfolder}/`}${saved.name} [temp]`;
  }

  async submit(promptId: string, clientId: string, prompt: Graph, signal: AbortSignal): Promise<void> {
    const json = { prompt, prompt_id: promptId, client_id: clientId };
    const reply = await this.#http.ask(this.#http.url('prompt'), { json, signal, timeoutMs: 60_000 });
    if (reply.status === 400) throw refusalOf(this.#http.parse(reply, Refused));
    if (reply.status !== 200) throw odd(`ComfyUI answers ${reply.status} to a graph.`);
    const { prompt_id: taken } = this.#http.parse(reply, z.object({ prompt_id: z.string() }));
    if (taken !== promptId) throw odd('This ComfyUI is too old: it gives a job another id than it was sent with.');
  }

  /** Null while it is not over, or when it knows nothing of it. */
  async history(promptId: string): Promise<Entry | null> {
    const url = this.#http.url(`history/${promptId}`);
    const found = await this.#http.read(url, z.record(z.string(), Entry), { maxBytes: 8 * MB });
    return found[promptId] ?? null;
  }

  async place(promptId: string): Promise<'running' | 'pending' | 'none'> {
    const queue = await this.#http.read(this.#http.url('queue'), Queue, { maxBytes: 32 * MB });
    const has = (items: readonly unknown[][]) => items.some(([, id]) => id === promptId);
    return has(queue.queue_running) ? 'running' : has(queue.queue_pending) ? 'pending' : 'none';
  }

  async picture(entry: Entry, node: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const found = Picture.safeParse(entry.outputs[node]?.images[0]).data;
    if (!found) throw odd('ComfyUI made no picture.');
    const reply = await this.#http.ask(this.#http.url('view', found), { maxBytes, signal, timeoutMs: 120_000 });
    if (reply.status !== 200) throw odd(`ComfyUI answers ${reply.status} instead of the picture.`);
    return reply.body;
  }

  /** Ends what waits or runs of these, and forgets them: prompts are nobody else's business. */
  async end(promptIds: readonly string[], { interrupt }: { readonly interrupt: boolean }): Promise<void> {
    const post = (path: string, json: unknown) => this.#http.ask(this.#http.url(path), { json }).catch(() => null);
    if (interrupt) {
      await post('queue', { delete: promptIds });
      // releases before the one that reads `prompt_id` interrupt whatever runs, so it is sent for what does run
      for (const id of promptIds) {
        if ((await this.place(id).catch(() => 'none')) === 'running') await post('interrupt', { prompt_id: id });
      }
    }
    await post('history', { delete: promptIds });
  }
}

/** The choices of an input: a list, or since the third schema of nodes `["COMBO", {options}]`. */
export function choicesOf(node: NodeInfo | null | undefined, input: string): string[] {
  const [first, more] = node?.input.required[input] ?? [];
  const options = Array.isArray(first)
    ? first
    : (z.object({ options: z.array(z.unknown()) }).safeParse(more).data?.options ?? []);
  return options.filter((one): one is string => typeof one === 'string' && one.length <= 300).slice(0, 20_000);
}

/** The same graph of the same job has the same id, so that it is found again after a crash and not made twice. */
export function promptIdOf(jobId: string, index: number, graph: Graph): string {
  const hash = createHash('sha256')
    .update(`${jobId} ${index} ${JSON.stringify(graph)}`)
    .digest('hex');
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
}

const LOADERS = /^(?:CheckpointLoaderSimple|LoraLoader|VAELoader|UpscaleModelLoader)$/;

function refusalOf({ error, node_errors: nodes }: z.output<typeof Refused>): ServerFailure {
  for (const { class_type: type, errors } of Object.values(nodes)) {
    const [first] = errors;
    if (!first) continue;
    const message = `${type}: ${first.message} (${first.details})`;
    if (first.type === 'value_not_in_list' && LOADERS.test(type)) return new ServerFailure('model_not_found', message);
    return new ServerFailure('bad_params', message);
  }
  return new ServerFailure('bad_params', `${error.message} ${error.details}`.trim());
}

/** Null for a run that went well. */
export function failureOfEntry({ status }: Entry): ServerFailure | null {
  if (!status || status.completed) return null;
  const its = (name: string) => status.messages.find(([type]) => type === name)?.[1];
  const error = Failed.safeParse(its('execution_error')).data;
  if (error) return failureOf(`${error.exception_type}: ${error.exception_message}`);
  if (its('execution_interrupted')) {
    return new ServerFailure('internal', 'Somebody stopped this at the ComfyUI itself.', { retryable: true });
  }
  return odd('ComfyUI failed without saying why.');
}
