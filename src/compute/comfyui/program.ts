import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Net } from '../../kit/net/net.ts';
import { fitPng } from '../../kit/storage/images-fit.ts';
import type { EngineHello, EngineImage, GenerateParams } from '../engine/protocol.ts';
import { findListed, helloOf, knownFiles, type ListedFile, listedFile } from '../server/caps.ts';
import type { Program, ServerJob, ServerTimes } from '../server/engine.ts';
import { away, odd, ServerFailure } from '../server/failure.ts';
import type { ServerHttp } from '../server/http.ts';
import { finishPicture, mostPixelsOf, samplesOf } from '../server/picture.ts';
import { ComfyApi, choicesOf, failureOfEntry, type NodeInfo, promptIdOf } from './api.ts';
import { Follower } from './follow.ts';
import { type GraphFiles, makeGraph, NEEDED_NODES, RESULT } from './graph.ts';
import { offered, SAMPLERS, SCHEDULES } from './names.ts';
import { comfyPrompts } from './prompt.ts';
import { markerOf, writeShare } from './share.ts';

interface ComfyOptions {
  readonly http: ServerHttp;
  readonly net: Net;
  readonly jobDir: string;
  readonly modelsFolder: string;
  readonly times: ServerTimes;
}

/** Pictures of ours in its queue: the next is prepared while one runs, and whose turn it is stays our business. */
const MOST_QUEUED = 2;
const MB = 1_000_000;

interface Listing {
  readonly models: readonly ListedFile[];
  readonly loras: readonly ListedFile[];
  readonly vaes: readonly ListedFile[];
  readonly upscalers: readonly ListedFile[];
  readonly embeddings: readonly ListedFile[];
}

/** A ComfyUI over its own HTTP and WebSocket interface. */
export class ComfyUi implements Program {
  readonly #options: ComfyOptions;
  readonly #api: ComfyApi;
  readonly #clientId = randomUUID();
  #shared: Promise<string> | null = null;

  constructor(options: ComfyOptions) {
    this.#options = options;
    this.#api = new ComfyApi(options.http);
  }

  async look(): Promise<EngineHello> {
    const { modelsFolder } = this.#options;
    this.#shared ??= writeShare(modelsFolder);
    await this.#shared;
    const { version, device } = await this.#api.stats();
    const names = [...new Set(Object.values(NEEDED_NODES).flat())];
    const nodes = new Map<string, NodeInfo | null>();
    for (const name of names) nodes.set(name, await this.#api.node(name));
    const has = (ability: keyof typeof NEEDED_NODES) => NEEDED_NODES[ability].every((name) => nodes.get(name));
    const missing = NEEDED_NODES.txt2img.filter((name) => !nodes.get(name));
    if (missing.length > 0) throw odd(`This ComfyUI lacks ${missing.join(', ')}.`);

    const listing = await this.#list(nodes);
    const isShared = listing.models.some(({ name }) => name === markerOf(modelsFolder));
    const upscalers = (['latent', 'lanczos', 'model'] as const).filter(has);
    const features = (['loras', 'vae', 'clip_skip', 'cfg_rescale'] as const).filter(has);
    const sampler = nodes.get('KSampler');
    return helloOf({
      program: `ComfyUI ${version}`.trim(),
      device,
      tasks: [
        'txt2img',
        ...(has('img2img') ? ['img2img'] : []),
        ...(has('img2img') && has('inpaint') ? ['inpaint'] : []),
        ...(upscalers.length > 0 ? ['hires'] : []),
      ],
      samplers: offered(SAMPLERS, choicesOf(sampler, 'sampler_name')),
      schedules: ['Automatic', ...offered(SCHEDULES, choicesOf(sampler, 'scheduler'))],
      features: ['preview', 'cancel', 'embeddings', 'batch1', ...features],
      upscalers,
      files: isShared ? null : knownFiles(Object.values(listing).flat()),
      rng: ['CPU'],
    });
  }

  async make(job: ServerJob, hello: EngineHello): Promise<EngineImage[]> {
    const { params, signal, jobId } = job;
    const files = await this.#files(job);
    const samples = samplesOf(params);
    const follower = new Follower(job, samples.length);
    const submitted: string[] = [];
    const finish = { jobId, params, folder: this.#options.jobDir, program: hello.engine, rng: 'CPU' };
    let isDone = false;
    try {
      await follower.open(this.#options.http, this.#options.net, this.#clientId);
      const images: EngineImage[] = [];
      for (const sample of samples) {
        const startedAtMs = performance.now();
        const most = Math.min(samples.length, sample.index + MOST_QUEUED);
        for (const next of samples.slice(submitted.length, most)) {
          const graph = makeGraph(params, next.seed, files);
          const id = promptIdOf(jobId, next.index, graph);
          follower.expect(id, next.index);
          submitted.push(id);
          await this.#submitOnce(id, graph, signal);
        }
        const bytes = await this.#wait(submitted[sample.index] ?? '', follower, job);
        images.push(await finishPicture(bytes, sample, startedAtMs, finish));
      }
      isDone = true;
      return images;
    } finally {
      follower.close();
      await this.#api.end(submitted, { interrupt: !isDone });
    }
  }

  /** What an earlier run of this process or another began is not begun again. */
  async #submitOnce(id: string, graph: ReturnType<typeof makeGraph>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const known = await this.#api.history(id);
    if (known && !failureOfEntry(known)) return;
    if (known) await this.#api.end([id], { interrupt: false });
    if (!known && (await this.#api.place(id)) !== 'none') return;
    await this.#api.submit(id, this.#clientId, graph, signal);
  }

  /** The history says how a picture ended; the socket only says when to look. */
  async #wait(id: string, follower: Follower, { params, signal }: ServerJob): Promise<Buffer> {
    const { times, http, net } = this.#options;
    const maxBytes = mostPixelsOf(params) * 4 + MB;
    let lastAnswerMs = performance.now();
    let wasRunning = false;
    let lost = 0;
    const beganMs = performance.now();
    follower.movedAtMs = beganMs;
    for (;;) {
      signal.throwIfAborted();
      try {
        const entry = await this.#api.history(id);
        lastAnswerMs = performance.now();
        if (entry) {
          const failure = failureOfEntry(entry);
          if (failure) throw failure;
          return await this.#api.picture(entry, RESULT, maxBytes, signal);
        }
        const place = await this.#api.place(id);
        if (place === 'running' && !wasRunning) follower.movedAtMs = performance.now();
        wasRunning ||= place === 'running';
        // between the queue and the history is a moment when it stands in neither
        lost = place === 'none' ? lost + 1 : 0;
        if (lost >= 3) throw away('ComfyUI knows nothing of this job any more; it may have been started anew.');
      } catch (error) {
        const isPatient = error instanceof ServerFailure && error.isAway && lost < 3;
        if (!isPatient || performance.now() - lastAnswerMs > times.awayMs) throw error;
      }
      const now = performance.now();
      if (wasRunning && now - follower.movedAtMs > times.stepMs) {
        throw new ServerFailure('timeout', 'ComfyUI did not get on with this job.', { retryable: true });
      }
      if (!wasRunning && now - beganMs > times.queueMs) {
        throw new ServerFailure('timeout', 'ComfyUI was busy with other work for too long.', { retryable: true });
      }
      await follower.open(http, net, this.#clientId);
      await follower.wait(times.pollMs);
    }
  }

  async #list(known = new Map<string, NodeInfo | null>()): Promise<Listing> {
    const choices = async (node: string, input: string) => {
      const info = known.get(node) ?? (await this.#api.node(node));
      return choicesOf(info, input).map((name) => listedFile(name));
    };
    return {
      models: await choices('CheckpointLoaderSimple', 'ckpt_name'),
      loras: await choices('LoraLoader', 'lora_name'),
      vaes: await choices('VAELoader', 'vae_name'),
      upscalers: await choices('UpscaleModelLoader', 'model_name'),
      // listed without their endings
      embeddings: (await this.#api.embeddings()).map((name) => listedFile(`${name}.safetensors`)),
    };
  }

  async #files({ jobId, params, signal }: ServerJob): Promise<GraphFiles> {
    const listing = await this.#list();
    const { model, vae, loras = [], embeddings = [], hires } = params;
    const upscaler = upscalerOf(hires);
    const words = new Map(
      embeddings.map((one) => [
        (one.name ?? '').toLowerCase(),
        nameOf(listing.embeddings, one, 'embeddings').replace(/\.safetensors$/, ''),
      ]),
    );
    const names = {
      model: nameOf(listing.models, model, 'checkpoints'),
      vae: vae ? nameOf(listing.vaes, vae, 'vae') : null,
      loras: loras.map((lora) => nameOf(listing.loras, lora, 'loras')),
      upscaler: upscaler && nameOf(listing.upscalers, upscaler, 'upscale_models'),
      positive: comfyPrompts(params.prompt, words),
      negative: comfyPrompts(params.negative ?? '', words),
    };
    return { ...names, ...(await this.#bring(jobId, params, signal)) };
  }

  /** The picture and the mask that a job begins from, in the size of the result. */
  async #bring(
    jobId: string,
    { init, width, height }: GenerateParams,
    signal: AbortSignal,
  ): Promise<{ readonly start: string | null; readonly mask: string | null }> {
    if (!init) return { start: null, mask: null };
    const bring = async (kind: string, file: string) => {
      const bytes = await fitPng(join(this.#options.jobDir, file), width, height, init.resize ?? 'crop');
      return this.#api.upload(`tessera-${jobId}-${kind}.png`, bytes, signal);
    };
    return { start: await bring('start', init.file), mask: init.mask ? await bring('mask', init.mask) : null };
  }
}

interface Named {
  readonly sha256?: string;
  readonly name?: string;
  readonly file: string;
}

function nameOf(listed: readonly ListedFile[], file: Named, folder: string): string {
  const found = findListed(listed, file);
  if (found) return found.name;
  throw new ServerFailure('model_not_found', `ComfyUI has no file ${file.name ?? file.file} among its ${folder}.`);
}

/** `model:` and a file of the engine's folder, which is called by its hash. */
function upscalerOf(hires: GenerateParams['hires']): Named | null {
  const file = /^model:(.+)$/.exec(hires?.upscaler ?? '')?.[1];
  if (!file) return null;
  const sha256 = /([0-9a-f]{64})\.safetensors$/.exec(file)?.[1];
  return { file, ...(sha256 ? { sha256 } : {}), ...(hires?.upscaler_name ? { name: hires.upscaler_name } : {}) };
}
