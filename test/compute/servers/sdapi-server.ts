import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { read } from './comfy-server.ts';
import { paint } from './paint.ts';

// Small servers of /sdapi/v1, constructed from their sources: A1111 from github.com/AUTOMATIC1111/stable-diffusion-webui,
// modules/api/api.py (text2imgapi, img2imgapi, progressapi, interruptapi, get_sd_models, get_samplers) as stored at commit
// 0050a35429b824cbb0a794694358fb32ce487ac4, and modules/api/models.py at 008a8e7576387bc172f9ecd0384274dd19f9036b;
// sd-server from github.com/leejet/stable-diffusion.cpp, examples/server/routes_sdapi.cpp (build_sdapi_img_gen_request,
// register_sdapi_endpoints) and src/stable-diffusion.cpp 3288-3350, commit 97d2990807fe6d558e395f8764198d7c7e7b411c.

type Body = Record<string, unknown>;

export class SdApiServer {
  readonly flavour: 'A1111' | 'sd-server';
  mood: 'fine' | 'hold' | 'oom' | 'html' | 'large-picture' | 'huge' = 'fine';
  models = [
    {
      title: 'quiet-ink.safetensors [0123456789]',
      model_name: 'quiet-ink',
      filename: '/models/quiet-ink.safetensors',
      sha256: null as string | null,
    },
  ];
  readonly requests: { readonly path: string; readonly body: Body }[] = [];
  interrupts = 0;
  /** Somebody works there by hand. */
  stranger: string | null = null;
  password: string | null = null;
  #task: string | null = null;
  #release: () => void = () => {};
  #server = createServer((ask, answer) => void this.#answer(ask, answer));
  #port = 0;
  #polls = 0;

  constructor(flavour: 'A1111' | 'sd-server') {
    this.flavour = flavour;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    this.#server = createServer((ask, answer) => void this.#answer(ask, answer));
    await new Promise<void>((done) => this.#server.listen(this.#port, '127.0.0.1', done));
    const address = this.#server.address();
    this.#port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  async close(): Promise<void> {
    this.#release();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  release(): void {
    this.mood = 'fine';
    this.#release();
  }

  async #answer(ask: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { pathname } = new URL(ask.url ?? '', this.url);
    const bytes = await read(ask);
    const body = JSON.parse(bytes.toString('utf8') || '{}') as Body;
    const json = (value: unknown, status = 200) => {
      answer.writeHead(status, { 'content-type': 'application/json' });
      answer.end(JSON.stringify(value));
    };
    const login = `Basic ${Buffer.from(`ada:${this.password}`).toString('base64')}`;
    if (this.password !== null && ask.headers.authorization !== login)
      return json({ detail: 'Not authenticated' }, 401);
    const isNative = this.flavour === 'sd-server';
    const names = (list: readonly string[]) => list.map((name) => ({ name, label: name, aliases: [], options: {} }));
    switch (pathname) {
      case '/sdcpp/v1/capabilities':
        return isNative ? json({ model: {} }) : json({ detail: 'Not Found' }, 404);
      case '/sdapi/v1/sd-models':
        return json(this.models);
      case '/sdapi/v1/samplers':
        return json(
          names(isNative ? ['default', 'euler', 'euler_a', 'dpm++2m'] : ['DPM++ 2M', 'Euler a', 'Euler', 'DDIM']),
        );
      case '/sdapi/v1/schedulers':
        return json(
          names(isNative ? ['default', 'discrete', 'karras'] : ['Automatic', 'Uniform', 'Karras', 'SGM Uniform']),
        );
      case '/sdapi/v1/loras':
        return json([
          { name: 'pale-light', path: isNative ? 'pale-light.safetensors' : '/loras/pale-light.safetensors' },
        ]);
      case '/sdapi/v1/upscalers':
        return json(names(['None', 'Lanczos']));
      case '/sdapi/v1/latent-upscale-modes':
        return json(names(['Latent']));
      case '/sdapi/v1/progress': {
        if (isNative) return json({}, 404);
        const job = this.stranger ?? this.#task;
        const state = {
          job_count: job ? 1 : 0,
          sampling_step: job ? ++this.#polls : 0,
          sampling_steps: job ? 1_000 : 0,
        };
        const image = job ? (await paint(16, 16, 'png')).toString('base64') : null;
        return json({ progress: job ? 0.5 : 0, eta_relative: 1.5, state, current_image: image, current_task: job });
      }
      case '/sdapi/v1/interrupt':
        if (isNative) return json({}, 404);
        this.interrupts += 1;
        this.#release();
        return json({});
      case '/sdapi/v1/txt2img':
      case '/sdapi/v1/img2img':
        this.requests.push({ path: pathname, body });
        return await this.#make(body, answer, json);
    }
    json({ detail: 'Not Found' }, 404);
  }

  async #make(body: Body, answer: ServerResponse, json: (value: unknown, status?: number) => void): Promise<void> {
    this.#task = String(body.force_task_id ?? 'sdcpp');
    if (this.mood === 'hold') await new Promise<void>((done) => (this.#release = done));
    // long enough for the progress to be asked for
    await new Promise((done) => setTimeout(done, 200));
    this.#task = null;
    if (this.mood === 'html') {
      answer.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
      return;
    }
    if (this.mood === 'huge') {
      answer.writeHead(200).end(Buffer.alloc(30_000_000, 'a'));
      return;
    }
    if (this.mood === 'oom') {
      json({ error: 'OutOfMemoryError', detail: '', body: '', errors: 'CUDA out of memory.' }, 500);
      return;
    }
    const side = this.mood === 'large-picture' ? 4_000 : 64;
    const image = (await paint(side, side, 'png')).toString('base64');
    json({ images: [image], parameters: {}, info: JSON.stringify({ infotexts: ['theirs'], all_seeds: [body.seed] }) });
  }
}

export async function sdApiServer(t: TestContext, flavour: 'A1111' | 'sd-server'): Promise<SdApiServer> {
  const server = new SdApiServer(flavour);
  await server.open();
  t.after(() => server.close());
  return server;
}
