import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { paint } from './paint.ts';

// A small ComfyUI, constructed from github.com/Comfy-Org/ComfyUI, commit a125cd84b054a57729b5eecab930ca9408719832:
// server.py 165-230 (socket), 371-374 (upload), 422-498 (view), 521-553 (system_stats), 565-625 (object_info), 652-663
// (history), 666-712 (queue and prompt), 714-755 (delete, interrupt); execution.py 609-720 (messages, history) and
// 966-1075 (what is refused). What object_info says was recorded from it.

export interface Recorded {
  readonly http: Readonly<Record<string, Record<string, unknown>>>;
  readonly socket: readonly Record<string, unknown>[];
}
export const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/comfyui-recorded.json'), 'utf8'),
) as Recorded;

type Graph = Record<string, { class_type: string; inputs: Record<string, unknown> }>;
interface Prompt {
  readonly id: string;
  readonly graph: Graph;
  readonly clientId: string;
}

/** What a job does: 'hold' runs until it is interrupted or `release` is called. */
export type Mood = 'fine' | 'hold' | 'oom' | 'silent-socket' | 'lose' | 'html' | 'huge' | 'no-picture' | 'stranger';

export class ComfyServer {
  mood: Mood = 'fine';
  readonly checkpoints: string[] = [];
  readonly loras: string[] = [];
  readonly prompts: Prompt[] = [];
  readonly uploads: { readonly name: string; readonly bytes: Buffer }[] = [];
  readonly interrupted: string[] = [];
  mostQueued = 0;
  readonly history = new Map<string, unknown>();
  #queue: Prompt[] = [];
  #running: Prompt | null = null;
  #release: () => void = () => {};
  #sockets = new Map<string, WebSocket>();
  #server = createServer((ask, answer) => void this.#answer(ask, answer));
  #port = 0;
  #life = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    const sockets = new WebSocketServer({ noServer: true });
    this.#server = createServer((ask, answer) => void this.#answer(ask, answer));
    this.#server.on('upgrade', (ask, socket, head) =>
      sockets.handleUpgrade(ask, socket, head, (ws) => {
        const id = new URL(ask.url ?? '', this.url).searchParams.get('clientId') ?? '';
        this.#sockets.set(id, ws);
        ws.send(JSON.stringify({ type: 'status', data: { status: { exec_info: { queue_remaining: 0 } }, sid: id } }));
        ws.on('close', () => this.#sockets.delete(id));
      }),
    );
    await new Promise<void>((done) => this.#server.listen(this.#port, '127.0.0.1', done));
    const address = this.#server.address();
    this.#port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  /** Gone, with its queue and its history. */
  async close(): Promise<void> {
    this.#life += 1;
    this.#queue = [];
    this.#release();
    this.history.clear();
    this.dropSockets();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  dropSockets(): void {
    for (const socket of this.#sockets.values()) socket.terminate();
    this.#sockets.clear();
  }

  release(): void {
    this.mood = 'fine';
    this.#release();
  }

  #say(clientId: string, type: string, data: object): void {
    if (this.mood !== 'silent-socket') this.#sockets.get(clientId)?.send(JSON.stringify({ type, data }));
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    const prompt = this.#queue.shift();
    if (!prompt) return;
    this.#running = prompt;
    const { id, clientId, graph } = prompt;
    const mood = this.mood;
    const life = this.#life;
    const base = { prompt_id: id };
    this.#say(clientId, 'execution_start', base);
    for (const node of ['load_model', 'encode_positive']) this.#say(clientId, 'executing', { ...base, node });
    for (const value of [1, 2]) {
      const nodes = { denoise: { value, max: 2, state: 'running', node_id: 'denoise', ...base } };
      this.#say(clientId, 'progress_state', { ...base, nodes });
    }
    const about = Buffer.from(JSON.stringify({ node_id: 'denoise', ...base, image_type: 'image/jpeg' }));
    const head = Buffer.alloc(8);
    head.writeUInt32BE(4, 0);
    head.writeUInt32BE(about.length, 4);
    if (mood !== 'silent-socket')
      this.#sockets.get(clientId)?.send(Buffer.concat([head, about, await paint(32, 32, 'jpeg')]));
    // the picture of a preview is told of with the next step
    await new Promise((done) => setTimeout(done, 300));
    const next = { denoise: { value: 1.5, max: 2, state: 'running', node_id: 'denoise', ...base } };
    this.#say(clientId, 'progress_state', { ...base, nodes: next });
    const isHeld = mood === 'hold' && !this.interrupted.includes(id);
    if (isHeld) await new Promise<void>((done) => (this.#release = done));
    await new Promise((done) => setTimeout(done, 30));
    const wasInterrupted = this.interrupted.includes(id);
    const error = {
      exception_type: 'torch.OutOfMemoryError',
      exception_message: 'Allocation on device 0 would exceed /opt/comfy/secret/path.py',
    };
    const [type, data] = wasInterrupted
      ? ['execution_interrupted', {}]
      : mood === 'oom'
        ? ['execution_error', error]
        : ['execution_success', {}];
    const isDone = type === 'execution_success';
    const images = [{ filename: `${id}_${graph.load_model?.inputs.ckpt_name}.png`, subfolder: '', type: 'temp' }];
    this.#running = null;
    if (life !== this.#life) return;
    if (mood !== 'lose') {
      this.history.set(id, {
        prompt: [0, id, graph],
        outputs: isDone && mood !== 'no-picture' ? { result: { images } } : {},
        status: {
          status_str: isDone ? 'success' : 'error',
          completed: isDone,
          messages: [[type, { ...base, ...data }]],
        },
      });
    }
    this.#say(clientId, type, { ...base, ...data });
    void this.#run();
  }

  async #answer(ask: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(ask.url ?? '', this.url);
    const body = await read(ask);
    const json = (value: unknown, status = 200) => {
      answer.writeHead(status, { 'content-type': 'application/json' });
      answer.end(JSON.stringify(value));
    };
    const said = (): Record<string, unknown> => JSON.parse(body.toString('utf8') || '{}');
    const [, first = '', second = ''] = url.pathname.split('/');
    if (this.mood === 'stranger')
      return void answer.writeHead(200, { 'content-type': 'text/html' }).end('<html>Hello</html>');
    switch (`${ask.method} /${first}`) {
      case 'GET /system_stats':
        return json(recorded.http['GET system_stats']);
      case 'GET /embeddings':
        return json([]);
      case 'GET /object_info':
        return json(this.#info(second));
      case 'GET /history':
        if (this.mood === 'html' && this.prompts.length > 0) return void answer.writeHead(200).end('<html>502</html>');
        return json(this.history.has(second) ? { [second]: this.history.get(second) } : {});
      case 'GET /queue': {
        const item = ({ id }: Prompt) => [1, id, {}, {}, ['result']];
        return json({
          queue_running: this.#running ? [item(this.#running)] : [],
          queue_pending: this.#queue.map(item),
        });
      }
      case 'GET /view': {
        if (this.mood === 'huge') return void answer.writeHead(200).end(Buffer.alloc(20_000_000));
        answer.writeHead(200, { 'content-type': 'image/png' });
        return void answer.end(await paint(64, 64, 'png'));
      }
      case 'POST /upload':
        return json(await this.#keep(body, ask.headers['content-type'] ?? ''));
      case 'POST /prompt':
        this.#take(said(), json);
        return;
      case 'POST /interrupt': {
        const id = String(said().prompt_id);
        if (this.#running?.id === id) {
          this.interrupted.push(id);
          this.#release();
        }
        return void answer.writeHead(200).end();
      }
      case 'POST /queue':
      case 'POST /history': {
        const ids = said().delete as string[];
        if (first === 'queue') this.#queue = this.#queue.filter(({ id }) => !ids.includes(id));
        else for (const id of ids) this.history.delete(id);
        return void answer.writeHead(200).end();
      }
    }
    json({}, 404);
  }

  async #keep(body: Buffer, type: string): Promise<object> {
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
    const file = form.get('image');
    if (!(file instanceof File)) throw new Error('There is no image in it.');
    this.uploads.push({ name: file.name, bytes: Buffer.from(await file.arrayBuffer()) });
    return { name: file.name, subfolder: '', type: form.get('type') };
  }

  #take(said: Record<string, unknown>, json: (value: unknown, status?: number) => void): void {
    const graph = said.prompt as Graph;
    const model = graph.load_model?.inputs.ckpt_name;
    if (!this.checkpoints.includes(String(model))) {
      const refusal = recorded.http['POST prompt, with a file that it does not have'];
      json(refusal?.body, 400);
      return;
    }
    const prompt = { id: String(said.prompt_id), graph, clientId: String(said.client_id) };
    this.prompts.push(prompt);
    this.#queue.push(prompt);
    this.mostQueued = Math.max(this.mostQueued, this.#queue.length + (this.#running ? 1 : 0));
    json({ prompt_id: prompt.id, number: this.prompts.length, node_errors: {} });
    void this.#run();
  }

  #info(node: string): unknown {
    const info = structuredClone(recorded.http[`GET object_info/${node}`] ?? {}) as Record<
      string,
      { input: { required: Record<string, unknown[]> } }
    >;
    const lists: Record<string, [string, string[]]> = {
      CheckpointLoaderSimple: ['ckpt_name', this.checkpoints],
      LoraLoader: ['lora_name', this.loras],
    };
    const [input, names] = lists[node] ?? ['', []];
    const required = info[node]?.input.required;
    if (required && input) required[input] = [names];
    return info;
  }
}

export async function comfyServer(t: TestContext): Promise<ComfyServer> {
  const server = new ComfyServer();
  await server.open();
  t.after(() => server.close());
  return server;
}

export async function read(ask: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of ask) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
