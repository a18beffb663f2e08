import { buffer } from 'node:stream/consumers';
import { viewerOf } from '../accounts/access/identify.ts';
import { Account } from '../accounts/model.ts';
import { can } from '../accounts/permissions.ts';
import { chargeAhead } from '../economy/charge.ts';
import { whenBack } from '../kit/database/away.ts';
import { rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { record } from '../kit/events/events.ts';
import { newId } from '../kit/ids.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../kit/queue/define.ts';
import { countCrash, writeUnderFence } from '../kit/queue/lease.ts';
import type { Settings } from '../kit/settings.ts';
import { t } from '../kit/web/messages.ts';
import type { Viewer, Work } from '../kit/work.ts';
import type { HashGate } from '../safety/hashes/gate.ts';
import type { EngineEvent } from './engine/protocol.ts';
import type { Engines } from './engines/engines.ts';
import type { EngineStatus } from './engines/report.ts';
import type { Place } from './engines/ride.ts';
import { generationEnded } from './events.ts';
import { failureText } from './failures.ts';
import type { GenerateFields } from './form.ts';
import { countFirstOutputs } from './gates/first-outputs.ts';
import { assertGeneration, type Guard } from './gates/generation.ts';
import { keepScreening, screenOutputs } from './gates/outputs.ts';
import { bookRun } from './gpu/book.ts';
import { endWork, settleRun } from './gpu/credits.ts';
import { type Estimate, estimate, type WorkSize } from './gpu/pace.ts';
import { assertAllowance, assertRoom, gpuSettings } from './gpu/quotas.ts';
import { shareOf } from './gpu/settle.ts';
import { loadOwnGeneration } from './keep.ts';
import { findMatches, GENERATE_JOB, GeneratePayload } from './matches.ts';
import { Generation, type GenerationRequest, type GenerationScreening, type GenerationStart } from './model.ts';
import type { ModelSource } from './models/cache.ts';
import { refusal } from './models/choose.ts';
import { OFFERED_TYPES } from './models/offers.ts';
import { findSources } from './models/sources.ts';
import { follow, inputFile, paramsOf } from './params.ts';
import { BATCH } from './phase.ts';
import { assertThere, drawSeed, filesOf, makeRequest } from './request.ts';
import { keepResults, withoutBlocked } from './results.ts';
import { assertStanding, type Leaning, StandingWatch, versionIdsOf, withheld } from './standing.ts';
import { isEndedByNode } from './withhold.ts';

const ATTEMPTS = 3;
/** A job that took the engine with it that often would do it again. */
const MOST_CRASHES = 2;

export interface GeneratorOptions {
  readonly engines: Engines;
  readonly settings: Settings;
  readonly hashGate: HashGate;
  readonly guard: Guard;
  /** Null without MODELS_DIR. */
  readonly modelsDir: string | null;
  /** Name and version of the program, for infotext. */
  readonly programVersion: string;
  readonly publicUrl: URL;
}

/** Takes requests for pictures and has the engine make them. */
export class Generator {
  readonly #options: GeneratorOptions;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof GeneratePayload>;

  constructor(options: GeneratorOptions) {
    this.#options = options;
    this.job = defineJob({
      name: GENERATE_JOB,
      lane: 'gpu',
      payload: GeneratePayload,
      attempts: ATTEMPTS,
      backOff: { baseMs: 1_000, capMs: 15_000 },
      run: (work, { generationId }, handle) =>
        this.#run(work, generationId, handle).finally(() => options.engines.rides.leave(handle.jobId)),
    });
  }

  status(work: Pick<Work, 'em'>): Promise<EngineStatus> {
    return this.#options.engines.status(work.em);
  }

  /**
   * Puts a request into the queue. Throws `invalid` for what cannot be made, `unavailable` without an engine, and
   * `rate_limited` with too many open requests.
   */
  async request(
    work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>,
    fields: GenerateFields,
  ): Promise<Generation> {
    const viewer = mayGenerate(work.viewer);
    const status = await this.status(work);
    if (status.state !== 'ready') throw new AppError('unavailable', 'There is no engine here that could generate.');
    return this.#queue(work, viewer, await makeRequest(work, viewer, fields, status.hello.caps));
  }

  /** The same again with other seeds. */
  async again(work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>, generationId: string): Promise<Generation> {
    const { request } = await loadOwnGeneration(work, generationId);
    return this.repeat(work, { ...request, seed: drawSeed() });
  }

  /**
   * A request that was made before, changed by us. Throws `gone` when a model of it is not offered any more, `invalid`
   * when the program that makes the pictures does not have it.
   */
  async repeat(work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>, request: GenerationRequest): Promise<Generation> {
    const viewer = mayGenerate(work.viewer);
    await this.#sourcesOf(work, viewer, request);
    const status = await this.status(work);
    if (status.state === 'ready') assertThere(filesOf(request), status.hello.caps);
    return this.#queue(work, viewer, request);
  }

  async #queue(
    work: Pick<Work, 'em' | 'jobs' | 'now'>,
    viewer: Viewer,
    request: GenerationRequest,
  ): Promise<Generation> {
    const { em, jobs, now } = work;
    const screening = await assertGeneration(work, this.#options.guard, viewer, request);
    const standing = await assertStanding(em, leaningOf(viewer.id, request));
    const settings = await this.#options.settings.read(em, gpuSettings);
    const { p50: costSeconds } = await this.estimate({ em }, request);
    return em.transactional(async (tx) => {
      const [open] = await rows<{ n: unknown }>(
        tx,
        `select count(*) as n from generation g join job j on j.id = g.job_id
         where g.account_id = ? and g.state = 'queued' and j.state in ('queued', 'running')`,
        [viewer.id],
      );
      assertRoom(toNumber(open?.n), settings.openGenerations);
      if (request.count > settings.imagesPerRequest) {
        throw refusal('count', t('quota.images', { most: settings.imagesPerRequest }));
      }
      await assertAllowance({ em: tx, now }, viewer, costSeconds, settings);
      const account = tx.getReference(Account, viewer.id);
      const generation = tx.create(
        Generation,
        {
          ...{ id: newId(), account, request, createdAt: now(), policyEpoch: standing.epoch },
          startSha256: request.start?.sha256 ?? null,
          maskSha256: request.start?.maskSha256 ?? null,
        },
        { persist: true },
      );
      await keepScreening({ em: tx, now }, generation, screening);
      const cost = { costSeconds, affinity: request.model.sha256 };
      generation.jobId = jobs.enqueue(
        tx,
        this.job,
        { generationId: generation.id },
        {
          ...{ accountId: viewer.id, partition: `account:${viewer.id}`, partitionLimit: settings.runningGenerations },
          share: shareOf({ id: viewer.id, host: '' }, 'interactive', cost),
        },
      );
      await tx.flush();
      const subject = { kind: 'generation', id: generation.id } as const;
      const asked = { subject, jobId: generation.jobId, seconds: costSeconds };
      await chargeAhead(tx, this.#options.settings, viewer, asked, now());
      return generation;
    });
  }

  /** How long it would take the engine that is here. */
  async estimate({ em }: Pick<Work, 'em'>, request: Sized): Promise<Estimate> {
    const status = await this.status({ em });
    const device = status.state === 'ready' ? status.hello.device : { kind: 'cpu', name: '' };
    return estimate(em, device, sizeOf(request));
  }

  async #run(work: Work, generationId: string, handle: JobHandle): Promise<{ readonly state: string }> {
    const { em } = work;
    const { engines } = this.#options;
    const generation = await em.findOne(Generation, generationId);
    if (generation?.state !== 'queued') return { state: 'gone' };
    const leaning = leaningOf(generation.account.id, generation.request);
    try {
      const standing = await assertStanding(em, leaning);
      const sources = await this.#checkedSources(work, generation);
      const screening = await this.#screen(work, generation);
      const watch = new StandingWatch(() => em.fork(), leaning, standing);
      const params = paramsOf(generation, { ...this.#options, jobId: handle.jobId });
      const { start } = generation.request;
      if (start) await this.#assertStart(work, generation.account.id, start);
      if (start) await engines.bringInput(inputFile(handle.jobId, 'start'), start.sha256);
      if (start?.maskSha256) await engines.bringInput(inputFile(handle.jobId, 'mask'), start.maskSha256);
      const warnings: string[] = [];
      const listenAt = (place: Place) => {
        const tell = follow(handle, generation.request, warnings, place);
        return (event: EngineEvent) => {
          watch.step();
          tell(event);
        };
      };
      const { sha256: model, family } = generation.request.model;
      const signal = AbortSignal.any([handle.signal, watch.signal]);
      const needs = { model, family: family || null, sources };
      const { imagesPerRequest } = await this.#options.settings.read(em, gpuSettings);
      const run = await engines.rides.run(
        handle,
        { params, signal, listenAt },
        needs,
        (key) => findMatches({ em: em.fork(), now: work.now }, generation, key, this.#options),
        Math.min(BATCH, imagesPerRequest),
      );
      const { outcome } = run;
      const hasFailedTogether = run.isShared === true && outcome.state === 'failed';
      const isOurs = watch.isForbidden || hasFailedTogether || (await isEndedByNode(em, 'generation', generationId));
      await bookRun(em, handle, run, sizeOf(generation.request), work.now(), isOurs);
      // whoever cancelled it pays for what it took until then
      await settleRun(work, 'generation', generationId);
      handle.signal.throwIfAborted();
      if (watch.isForbidden) throw withheld();
      if (outcome.state !== 'failed' && outcome.state !== 'done')
        throw new AppError('unavailable', 'The engine was stopped.');
      // by whomever's fault: each is tried again, and alone
      if (hasFailedTogether) throw new AppError('unavailable', 'What was made together with others failed.');
      if (outcome.state === 'failed') {
        const crashes = outcome.isCrash ? await countCrash(em, handle) : 0;
        const isOverNow = crashes >= MOST_CRASHES || handle.attempt >= ATTEMPTS;
        if (outcome.retryable && !isOverNow) throw new AppError('unavailable', outcome.message);
        return await fail(work, generationId, handle, failureText(outcome.code, outcome.message));
      }
      // a takedown while it ran counts
      const pathOf = (name: string) => engines.jobFile(name);
      const images = await whenBack(
        async () => {
          await assertStanding(em, leaning);
          await this.#checkedSources(work, generation);
          return withoutBlocked(work, this.#options.hashGate, generation, outcome.images, pathOf, warnings);
        },
        () => !handle.signal.aborted,
      );
      const found = await screenOutputs(this.#options.guard, screening, images, pathOf);
      await keepScreening(work, generation, found);
      await em.flush();
      if (found.hold !== null) await countFirstOutputs(em, leaning.versionIds, images.length);
      await keepResults(work, handle, generation, { images, warnings }, pathOf);
      return { state: 'done' };
    } catch (error) {
      const isFinal = error instanceof AppError && ['not_found', 'withheld', 'gone', 'invalid'].includes(error.kind);
      if (!isFinal || handle.signal.aborted) throw error;
      return await fail(work, generationId, handle, error.message, error.kind === 'withheld' ? 'cancelled' : 'failed');
    } finally {
      await engines.clean(handle.jobId);
    }
  }

  /** At the last moment before the engine sees them, since a picture may have been blocked while the job waited. */
  async #assertStart({ em, files }: Work, accountId: number, { sha256, maskSha256 }: GenerationStart): Promise<void> {
    for (const one of [sha256, ...(maskSha256 ? [maskSha256] : [])]) {
      const bytes = await buffer(files.open(one));
      await this.#options.hashGate.assertPicture(em, { door: 'generation-input', accountId }, bytes);
    }
  }

  /** Again, for rules and models may have changed since the request: here stands what the sampler sees. */
  async #screen(work: Work, { account, request }: Generation): Promise<GenerationScreening> {
    const owner = await work.em.findOneOrFail(Account, account.id);
    return assertGeneration(work, this.#options.guard, viewerOf(owner), request);
  }

  async #checkedSources(work: Pick<Work, 'em'>, generation: Generation): Promise<ModelSource[]> {
    const account = await work.em.findOne(Account, generation.account.id);
    if (account?.state !== 'active') throw new AppError('gone', 'This account is not active.');
    return this.#sourcesOf(work, mayGenerate(viewerOf(account)), generation.request);
  }

  /** Where the bytes of its models lie. Throws `gone` when one is not offered any more. */
  #sourcesOf({ em }: Pick<Work, 'em'>, viewer: Viewer, request: GenerationRequest): Promise<ModelSource[]> {
    return findSources(em, viewer, filesOf(request), OFFERED_TYPES, this.#options.modelsDir);
  }
}

export const leaningOf = (accountId: number, request: GenerationRequest): Leaning => ({
  ...{ accountId, act: 'generate' },
  versionIds: versionIdsOf(filesOf(request)),
});

interface Sized extends Pick<GenerationRequest, 'width' | 'height' | 'steps' | 'count'> {
  readonly model: Pick<GenerationRequest['model'], 'family'>;
}

const sizeOf = ({ model, width, height, steps, count }: Sized): WorkSize => ({
  ...{ kind: 'generation', family: model.family ?? '', pixels: width * height, units: steps * count },
});

export function mayGenerate(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in to generate.');
  if (!can(viewer, 'generate')) throw new AppError('forbidden', 'Your account may not generate on this node.');
  return viewer;
}

async function fail(
  { em, now }: Pick<Work, 'em' | 'now'>,
  generationId: string,
  handle: JobHandle,
  message: string,
  state: 'failed' | 'cancelled' = 'failed',
): Promise<{ readonly state: string }> {
  await writeUnderFence(em, handle, async (tx) => {
    const ended = await rows(
      tx,
      `update generation set state = ?, error = ?, finished_at = ? where id = ? and state = 'queued' returning id`,
      [state, message.slice(0, 500), now(), generationId],
    );
    if (ended.length === 0) return;
    if (state === 'failed') record(tx, generationEnded, { generationId, isDone: false });
    await tx.flush();
    await endWork(tx, 'generation', generationId, state, now());
  });
  return { state };
}
