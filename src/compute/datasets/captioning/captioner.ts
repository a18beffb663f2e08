import { writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { viewerOf } from '../../../accounts/access/identify.ts';
import { Account } from '../../../accounts/model.ts';
import { endHold } from '../../../economy/holds.ts';
import { AppError } from '../../../kit/errors.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../../kit/queue/define.ts';
import { countCrash } from '../../../kit/queue/lease.ts';
import type { Settings } from '../../../kit/settings.ts';
import { turnImage } from '../../../kit/storage/images-turn.ts';
import type { Work } from '../../../kit/work.ts';
import type { CaptionParams, EngineCaptions } from '../../engine/protocol.ts';
import type { EngineRun } from '../../engines/drive.ts';
import type { Engines } from '../../engines/engines.ts';
import { captionFailureText } from '../../failures.ts';
import { bookRun } from '../../gpu/book.ts';
import { type Device, type Estimate, estimate, type WorkSize } from '../../gpu/pace.ts';
import { encodePhase } from '../../phase.ts';
import { type Captioning, Dataset, DatasetItem } from '../model.ts';
import { mayTrain } from '../own.ts';
import { isToDo, keepCaption, keepReport } from './keep.ts';

const Payload = z.object({ datasetId: z.string(), act: z.string() });
const ATTEMPTS = 3;
const MOST_CRASHES = 2;
/** More than any tagger looks at. */
const LONGEST_SEEN_PX = 768;
/** More is not read by anybody. */
const MOST_REFUSALS = 40;

export interface CaptionerOptions {
  readonly engines: Engines;
  readonly settings: Settings;
}

/** Has the engine write captions, for a whole set in one job; each is kept as it comes. */
export class Captioner {
  readonly #engines: Engines;
  readonly settings: Settings;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof Payload>;

  constructor({ engines, settings }: CaptionerOptions) {
    this.#engines = engines;
    this.settings = settings;
    this.job = defineJob({
      name: 'compute.caption-pictures',
      lane: 'gpu',
      payload: Payload,
      attempts: ATTEMPTS,
      backOff: { baseMs: 1_000, capMs: 15_000 },
      run: (work, payload, handle) => this.#run(work, payload, handle),
    });
  }

  /** Whether the engine that is here has a captioner. */
  async isAble({ em }: Pick<Work, 'em'>): Promise<boolean> {
    const status = await this.#engines.status(em);
    return status.state === 'ready' && status.hello.caps.tasks.includes('caption');
  }

  async estimate(em: EntityManager, count: number): Promise<Estimate> {
    const status = await this.#engines.status(em);
    const device: Device = status.state === 'ready' ? status.hello.device : { kind: 'cpu', name: '' };
    return estimate(em, device, sizeOf(count));
  }

  async #run(work: Work, { datasetId, act }: z.output<typeof Payload>, handle: JobHandle): Promise<object> {
    const { em, now } = work;
    const dataset = await em.findOne(Dataset, { id: datasetId, deletedAt: null, captionJobId: handle.jobId });
    if (dataset?.captioning?.id !== act) return { state: 'gone' };
    const { captioning } = dataset;
    const report = async (refused: readonly string[], error: string | null = null) => {
      await keepReport(em, handle, datasetId, { refused: refused.slice(0, MOST_REFUSALS), error }, now());
      await endHold(em, { kind: 'caption', id: act }, error === null ? 'capture' : 'refund', now());
    };
    try {
      const account = await em.findOne(Account, dataset.owner.id);
      if (account?.state !== 'active') throw new AppError('gone', 'This account is not active.');
      mayTrain(viewerOf(account));
      const { todo, refused } = await this.#lay(work, datasetId, captioning, handle);
      if (todo.size > 0) {
        const { outcome } = await this.#look(work, captioning, todo, refused, handle);
        if (outcome.state === 'cancelled' || outcome.state === 'paused') {
          throw new AppError('unavailable', 'The engine was stopped.');
        }
        if (outcome.state === 'failed') {
          const crashes = outcome.isCrash ? await countCrash(em, handle) : 0;
          const isOverNow = crashes >= MOST_CRASHES || handle.attempt >= ATTEMPTS;
          if (outcome.retryable && !isOverNow) throw new AppError('unavailable', outcome.message);
          await report(refused, captionFailureText(outcome.code, outcome.message));
          return { state: 'failed' };
        }
      }
      await report(refused);
      return { state: 'done' };
    } catch (error) {
      const isFinal = error instanceof AppError && ['gone', 'forbidden', 'invalid'].includes(error.kind);
      if (!isFinal || handle.signal.aborted) throw error;
      await report([], error.message);
      return { state: 'failed' };
    } finally {
      await this.#engines.clean(handle.jobId);
    }
  }

  /** Puts what is still to be captioned into the engine's job folder, cut and turned; files by name, with their items. */
  async #lay(
    { em, files }: Pick<Work, 'em' | 'files'>,
    datasetId: string,
    captioning: Captioning,
    handle: JobHandle,
  ): Promise<{ readonly todo: Map<string, DatasetItem>; readonly refused: string[] }> {
    const items = await em.find(
      DatasetItem,
      { dataset: datasetId, deletedAt: null },
      { orderBy: { position: 1, id: 1 } },
    );
    const todo = new Map<string, DatasetItem>();
    const refused: string[] = [];
    for (const [n, item] of items.filter((one) => isToDo(one, captioning)).entries()) {
      handle.signal.throwIfAborted();
      const file = `${handle.jobId}-c${String(n + 1).padStart(4, '0')}.png`;
      try {
        const source = files.localPath(item.sha256) ?? (await buffer(files.open(item.sha256)));
        const turn = { rotation: item.rotation, crop: item.crop ?? null };
        const { bytes } = await turnImage(source, turn, { format: 'png', longestSide: LONGEST_SEEN_PX });
        await writeFile(this.#engines.jobFile(file), bytes);
        todo.set(file, item);
      } catch (error) {
        if (!(error instanceof AppError) || error.kind === 'unavailable') throw error;
        refused.push(`${item.fileName}: ${error.message}`);
      }
    }
    return { todo, refused };
  }

  async #look(
    { em, now }: Pick<Work, 'em' | 'now'>,
    captioning: Captioning,
    todo: ReadonlyMap<string, DatasetItem>,
    refused: string[],
    handle: JobHandle,
  ): Promise<EngineRun> {
    const failing = new AbortController();
    let failure: unknown = null;
    let kept = Promise.resolve();
    let tellAgain = () => {};
    const take = async ({ items }: EngineCaptions): Promise<void> => {
      for (const { file, caption, error } of items) {
        const item = todo.get(file);
        if (item && caption !== undefined) await keepCaption(em, handle, captioning, item.id, caption);
        else if (item) refused.push(`${item.fileName}: ${(error ?? 'no caption').slice(0, 200)}`);
      }
    };
    const { threshold, exclude, replaceUnderscores, escapeParentheses } = captioning;
    const params: CaptionParams = {
      ...{ items: [...todo.keys()].map((file) => ({ file })), threshold, exclude },
      ...{ replace_underscores: replaceUnderscores, escape_parentheses: escapeParentheses },
    };
    const run = await this.#engines.run(handle.jobId, {
      ...{ type: 'caption', params, model: null, family: null, sources: [], fence: handle.fence },
      signal: AbortSignal.any([handle.signal, failing.signal]),
      listener: (event) => {
        if (event.t === 'progress') {
          tellAgain = () => handle.progress(event.step, event.total, encodePhase(event));
          tellAgain();
        }
        if (event.t !== 'captions') return;
        kept = kept
          .then(() => take(event))
          // who follows looked before it was kept, and looks again only when something changed
          .then(() => tellAgain())
          .catch((error: unknown) => {
            failure ??= error;
            failing.abort();
          });
      },
    });
    await kept;
    await bookRun(em, handle, run, sizeOf(todo.size), now());
    handle.signal.throwIfAborted();
    if (failure) throw failure;
    return run;
  }
}

const sizeOf = (count: number): WorkSize => ({
  ...{ kind: 'caption', family: 'captioner', pixels: 448 * 448, units: count },
});
