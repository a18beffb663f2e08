import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fitPng } from '../../kit/storage/images-fit.ts';
import type { EngineHello, EngineImage, GenerateParams } from '../engine/protocol.ts';
import { findListed, helloOf, knownFiles, type ListedFile } from '../server/caps.ts';
import type { Program, ServerJob, ServerTimes } from '../server/engine.ts';
import { odd, ServerFailure } from '../server/failure.ts';
import type { ServerHttp } from '../server/http.ts';
import { finishPicture, mostPixelsOf, type Sample, samplesOf } from '../server/picture.ts';
import { SdApiClient } from './api.ts';
import { followProgress } from './follow.ts';
import { type Flavour, offeredNames, theirName } from './names.ts';
import { requestOf, type SdApiFiles } from './request.ts';

interface SdApiOptions {
  readonly http: ServerHttp;
  readonly jobDir: string;
  readonly times: ServerTimes;
}

const MB = 1_000_000;
/** A picture may take that long; one that does not get on is ended sooner, where progress is told. */
const LONGEST_MS = 7_200_000;
/** An interrupted one still answers, with what it has. */
const AFTER_INTERRUPT_MS = 10_000;

/** A server that speaks /sdapi/v1. It knows no jobs, and an interruption ends whatever runs: so there is one at a time. */
export class SdApi implements Program {
  readonly #options: SdApiOptions;
  readonly #api: SdApiClient;
  #flavour: Flavour = 'A1111';

  constructor(options: SdApiOptions) {
    this.#options = options;
    this.#api = new SdApiClient(options.http);
  }

  async look(): Promise<EngineHello> {
    const api = this.#api;
    const models = await api.models();
    this.#flavour = await api.flavour();
    const namesOf = async (list: Parameters<typeof api.names>[0]) => (await api.names(list)).map(({ name }) => name);
    const [samplers, schedules] = [await namesOf('samplers'), await namesOf('schedulers')];
    const known = offeredNames(this.#flavour, samplers, schedules);
    if (known.samplers.length === 0) throw odd('This server has no sampler that we know.');
    const [loras, vaes, embeddings] = [await api.names('loras'), await api.vaes(), await api.embeddings()];
    const [upscalers, latent] = [await namesOf('upscalers'), await namesOf('latent-upscale-modes')];
    const { total, free } = await api.memory();
    const isNative = this.#flavour === 'sd-server';
    const isA1111 = this.#flavour === 'A1111';
    return helloOf({
      program: this.#flavour === 'sd-server' ? 'stable-diffusion.cpp' : this.#flavour,
      device: {
        kind: total > 0 ? 'cuda' : 'unknown',
        name: this.#options.http.hosts[0] ?? '',
        vram_total: total,
        vram_free: free,
      },
      tasks: ['txt2img', 'img2img', 'inpaint', ...(latent.length + upscalers.length > 0 ? ['hires'] : [])],
      ...known,
      features: [
        ...(isNative ? [] : ['preview', 'cancel', 'subseed', 'clip_skip']),
        ...['loras', 'batch1'],
        ...(isA1111 && vaes.length > 0 ? ['vae'] : []),
        ...(embeddings ? ['embeddings'] : []),
      ],
      upscalers: [
        ...(latent.includes('Latent') ? ['latent'] : []),
        ...(upscalers.includes('Lanczos') ? ['lanczos'] : []),
        ...(upscalers.some((name) => !BUILT_IN.has(name)) ? ['model'] : []),
      ],
      files: knownFiles([...models, ...loras, ...vaes, ...(embeddings ?? []), ...(await api.names('upscalers'))]),
      rng: ['CPU'],
    });
  }

  async make(job: ServerJob, hello: EngineHello): Promise<EngineImage[]> {
    const { params, jobId, signal } = job;
    const files = await this.#files(job);
    const samples = samplesOf(params);
    const finish = { jobId, params, folder: this.#options.jobDir, program: hello.engine, rng: null };
    const images: EngineImage[] = [];
    for (const sample of samples) {
      signal.throwIfAborted();
      const startedAtMs = performance.now();
      const { image, infotext } = await this.#makeOne(job, sample, samples.length, files);
      const done = await finishPicture(image, sample, startedAtMs, finish);
      images.push({ ...done, params_resolved: { infotext } });
    }
    return images;
  }

  async #makeOne(
    job: ServerJob,
    sample: Sample,
    pictures: number,
    files: SdApiFiles,
  ): Promise<{ readonly image: Buffer; readonly infotext: string }> {
    const { params, jobId, signal } = job;
    const { times } = this.#options;
    const taskId = `task(tessera-${jobId}-${sample.index})`;
    await this.#untilIdle(signal);
    const over = new AbortController();
    const hangUp = new AbortController();
    let interruptTimer: NodeJS.Timeout | undefined;
    let isLate = false;
    const interrupt = () => {
      void this.#interruptOwn(taskId);
      interruptTimer = setTimeout(() => hangUp.abort(), this.#flavour === 'sd-server' ? 0 : AFTER_INTERRUPT_MS);
    };
    let stepTimer: NodeJS.Timeout | undefined;
    const moved = () => {
      clearTimeout(stepTimer);
      stepTimer = setTimeout(() => {
        isLate = true;
        interrupt();
      }, times.stepMs);
    };
    signal.addEventListener('abort', interrupt, { once: true });
    const watch = { taskId, index: sample.index, pictures, pollMs: times.pollMs, signal: over.signal, onMove: moved };
    const following = followProgress(this.#api, job, watch);
    // a server that tells no progress is let work
    if (this.#flavour !== 'sd-server') moved();
    let made: Awaited<ReturnType<SdApiClient['make']>> | null = null;
    try {
      const body = requestOf(params, sample, files, this.#flavour, taskId);
      const maxBytes = mostPixelsOf(params) * 12 + 2 * JSON.stringify(body).length + 2 * MB;
      const kind = files.start ? 'img2img' : 'txt2img';
      made = await this.#api.make(kind, body, { maxBytes, timeoutMs: LONGEST_MS, signal: hangUp.signal });
    } catch (error) {
      if (!isLate && !signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', interrupt);
      clearTimeout(interruptTimer);
      clearTimeout(stepTimer);
      over.abort();
      await following;
    }
    signal.throwIfAborted();
    // what an interrupted server sends is half a picture
    if (made && !isLate) return made;
    throw new ServerFailure('timeout', 'The server did not get on with this job.', { retryable: true });
  }

  /** Not while it works for somebody else, as far as it tells. */
  async #interruptOwn(taskId: string): Promise<void> {
    const found = await this.#api.progress(new AbortController().signal);
    if (found?.current_task != null && found.current_task !== taskId) return;
    await this.#api.interrupt();
  }

  /** Whoever uses the same program by hand goes first: their work could not be told from ours. */
  async #untilIdle(signal: AbortSignal): Promise<void> {
    if (this.#flavour === 'sd-server') return;
    const { queueMs, pollMs } = this.#options.times;
    for (const end = performance.now() + queueMs; ; ) {
      signal.throwIfAborted();
      const found = await this.#api.progress(signal);
      if (!found || found.state.job_count <= 0) return;
      if (performance.now() > end) {
        throw new ServerFailure('timeout', 'The server was busy with other work for too long.', { retryable: true });
      }
      await wait(pollMs, undefined, { signal }).catch(() => {});
    }
  }

  async #files({ params }: ServerJob): Promise<SdApiFiles> {
    const api = this.#api;
    const { model, vae, loras = [], hires } = params;
    const models = await api.models();
    const found = findListed(models, model);
    const title = models.find(({ name }) => name === found?.name)?.title;
    const listed = loras.length > 0 ? await api.names('loras') : [];
    const its = vae ? nameOf(await api.vaes(), vae, 'VAEs') : null;
    return {
      model: title ?? nameOf([], model, 'models'),
      vae: its,
      loras: loras.map(({ unet, te, ...file }) => {
        const name = nameOf(listed, file, 'LoRAs');
        return { name, unet, te, path: listed.find((one) => one.name === name)?.path ?? name };
      }),
      sampler: await this.#spelled('sampler', params.sampler),
      schedule: await this.#spelled('schedule', params.schedule ?? 'Automatic'),
      upscaler: hires ? await this.#upscaler(hires) : null,
      ...(await this.#bring(params)),
    };
  }

  async #spelled(kind: 'sampler' | 'schedule', name: string): Promise<string> {
    const listed = await this.#api.names(kind === 'sampler' ? 'samplers' : 'schedulers');
    const its = theirName(
      kind,
      name,
      this.#flavour,
      listed.map((one) => one.name),
    );
    if (its === null) throw new ServerFailure('unsupported', `This server has no ${kind} ${name}.`);
    return its;
  }

  async #upscaler({ upscaler = 'latent', upscaler_name: name }: NonNullable<GenerateParams['hires']>): Promise<string> {
    if (upscaler === 'latent') return 'Latent';
    if (upscaler === 'lanczos') return 'Lanczos';
    return nameOf(await this.#api.names('upscalers'), { file: upscaler, ...(name ? { name } : {}) }, 'upscalers');
  }

  async #bring({ init, width, height }: GenerateParams): Promise<Pick<SdApiFiles, 'start' | 'mask'>> {
    if (!init) return { start: null, mask: null };
    const read = async (file: string) => {
      const png = await fitPng(join(this.#options.jobDir, file), width, height, init.resize ?? 'crop');
      return png.toString('base64');
    };
    return { start: await read(init.file), mask: init.mask ? await read(init.mask) : null };
  }
}

const BUILT_IN: ReadonlySet<string> = new Set(['None', 'Lanczos', 'Nearest']);

interface Named {
  readonly sha256?: string;
  readonly name?: string;
  readonly file: string;
}

function nameOf(listed: readonly ListedFile[], file: Named, what: string): string {
  const found = findListed(listed, file);
  if (found) return found.name;
  throw new ServerFailure('model_not_found', `The server has no file ${file.name ?? file.file} among its ${what}.`);
}
