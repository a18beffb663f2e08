import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { seal, unseal } from '../../accounts/access/secrets.ts';
import { judgeArchive } from '../../catalogue/uploads/archive.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { openSource } from '../sources/open.ts';
import { type SourceKind, Transfer, TransferItem, type TransferState } from './model.ts';
import type { TransferParts } from './parts.ts';
import { lookInto, takeWaiting } from './run.ts';
import type { Source } from './source.ts';

const LookPayload = z.object({ transferId: z.string(), isJudged: z.boolean() });
const Payload = z.object({ transferId: z.string() });
/** Then it makes room for what else waits in its lane, and goes on afterwards. */
const TURN_MS = 5 * 60_000;
const REST_MS = 60_000;
const MOST_OPEN = 5;
/** An archive and a key that nobody came back for. */
const KEPT_MS = 14 * 86_400_000;
/** A node asks few sources at once, whoever began it. */
const PARTITION = 'transfer';

interface Outcome {
  readonly state: TransferState;
  readonly notes?: string[];
  readonly message?: string;
  readonly archiveSha256?: null;
  readonly sealedKey?: null;
}

export interface NewTransfer {
  readonly source: SourceKind;
  readonly place: string;
  readonly who?: string;
  readonly key?: string;
  readonly archiveSha256?: string | null;
  /** Its members were looked through when it was uploaded. */
  readonly isJudged?: boolean;
}

/** Things that come in from elsewhere: a look first, then what was chosen. One for the process. */
export class Transfers {
  readonly parts: TransferParts;
  readonly lookJob: JobDefinition<typeof LookPayload>;
  readonly takeJob: JobDefinition<typeof Payload>;
  readonly letGoJob: JobDefinition<typeof Payload>;

  constructor(parts: TransferParts) {
    this.parts = parts;
    const common = { lane: 'media', attempts: 5 } as const;
    this.lookJob = defineJob({
      ...common,
      name: 'transfer.look-into-source',
      payload: LookPayload,
      run: (work, payload, handle) => this.#look(work, payload, handle),
    });
    this.takeJob = defineJob({
      ...common,
      name: 'transfer.take-things',
      payload: Payload,
      run: (work, { transferId }, handle) => this.#take(work, transferId, handle),
    });
    this.letGoJob = defineJob({
      ...common,
      lane: 'clock',
      name: 'transfer.let-go-of-archive',
      payload: Payload,
      run: (work, { transferId }) => this.#letGo(work, transferId),
    });
  }

  /** Throws `conflict` while too many of this person's are open. */
  async begin(work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>, given: NewTransfer): Promise<string> {
    const { em, viewer, now } = work;
    if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
    const open = { account: viewer.id, state: { $in: ['looking', 'choosing', 'running'] } } as const;
    if ((await em.count(Transfer, open)) >= MOST_OPEN) throw new AppError('conflict', t('import.too-many-open'));
    const { source, place, who = '', key = '', archiveSha256 = null, isJudged = true } = given;
    const transfer = em.create(
      Transfer,
      {
        ...{ id: newId(), account: viewer.id, source, place, who, archiveSha256, createdAt: now(), updatedAt: now() },
        sealedKey: key === '' ? null : seal(this.parts.secretKey, key),
      },
      { persist: true },
    );
    const options = { accountId: viewer.id, partition: PARTITION };
    transfer.jobId = work.jobs.enqueue(em, this.lookJob, { transferId: transfer.id, isJudged }, options);
    work.jobs.enqueue(em, this.letGoJob, { transferId: transfer.id }, { delayMs: KEPT_MS });
    await em.flush();
    return transfer.id;
  }

  async #look(work: Work, { transferId, isJudged }: z.output<typeof LookPayload>, handle: JobHandle): Promise<void> {
    const transfer = await work.em.findOne(Transfer, { id: transferId, state: 'looking' });
    if (!transfer) return;
    const end = (change: Outcome) =>
      work.em.nativeUpdate(Transfer, { id: transferId, state: 'looking' }, { ...change, updatedAt: work.now() });
    try {
      const notes = await this.#withSource(work, transfer, handle.signal, async (source, archivePath) => {
        const rules = { gate: this.parts.limits.hashGate, accountId: transfer.account.id, isHoldRefused: false };
        if (archivePath && !isJudged) await judgeArchive(work.em, archivePath, { ...rules, signal: handle.signal });
        await lookInto(work, transfer, source, handle);
        return source.notes;
      });
      await end({ state: 'choosing', notes: notes.slice(0, 1_000) });
    } catch (error) {
      if (!(error instanceof AppError) || handle.signal.aborted) throw error;
      await end({ state: 'failed', message: error.message.slice(0, 600), archiveSha256: null, sealedKey: null });
    }
  }

  async #take(work: Work, transferId: string, handle: JobHandle): Promise<void> {
    const find = () => work.em.fork().findOne(Transfer, { id: transferId, state: 'running' });
    const transfer = await find();
    if (!transfer) return;
    const until = performance.now() + TURN_MS;
    const mayGoOn = async () => performance.now() < until && (await find()) !== null;
    try {
      const how = await this.#withSource(work, transfer, handle.signal, (source) =>
        takeWaiting(work, this.parts, transfer, source, handle, mayGoOn),
      );
      if (how === 'done') await this.#finish(work, transferId);
      else if (how === 'paused') await this.#goOn(work, transferId, 0);
      else await this.#stop(work, transferId, t('import.away'));
    } catch (error) {
      if (!(error instanceof AppError) || handle.signal.aborted) throw error;
      if (error.kind === 'rate_limited') await this.#goOn(work, transferId, REST_MS);
      else await this.#stop(work, transferId, error.message);
    }
  }

  /** What failed may be tried again, so key and archive are kept until then, or until it is removed. */
  async #finish(work: Work, transferId: string): Promise<void> {
    const { em, now } = work;
    const [failed] = await rows<{ n: unknown }>(
      em,
      `select count(*) as n from transfer_item where transfer_id = ? and state in ('failed', 'found')`,
      [transferId],
    );
    const over = toNumber(failed?.n) === 0 ? { archiveSha256: null, sealedKey: null } : {};
    await em.nativeUpdate(Transfer, { id: transferId, state: 'running' }, { state: 'done', updatedAt: now(), ...over });
    await rm(join(this.parts.folder, transferId), { recursive: true, force: true });
  }

  /** The list stays; what it would take to go on does not. While things come in it is asked again later. */
  async #letGo({ em, jobs, now }: Work, transferId: string): Promise<void> {
    const idle = {
      updatedAt: { $lte: new Date(now().getTime() - KEPT_MS + 60_000) },
      state: { $ne: 'running' },
    } as const;
    const change = { archiveSha256: null, sealedKey: null };
    if ((await em.nativeUpdate(Transfer, { id: transferId, ...idle }, change)) > 0) return;
    if ((await em.count(Transfer, { id: transferId })) === 0) return;
    jobs.enqueue(em, this.letGoJob, { transferId }, { delayMs: KEPT_MS });
    await em.flush();
  }

  async #stop({ em, now }: Work, transferId: string, message: string): Promise<void> {
    const change = { state: 'stopped', message: message.slice(0, 600), updatedAt: now() } as const;
    await em.nativeUpdate(Transfer, { id: transferId, state: 'running' }, change);
  }

  /** Once more, unless somebody stopped it meanwhile. */
  async #goOn(work: Pick<Work, 'em' | 'jobs' | 'now'>, transferId: string, delayMs: number): Promise<void> {
    const em = work.em.fork();
    const transfer = await em.findOne(Transfer, { id: transferId, state: 'running' });
    if (!transfer) return;
    const options = { delayMs, accountId: transfer.account.id, partition: PARTITION };
    transfer.jobId = work.jobs.enqueue(em, this.takeJob, { transferId }, options);
    await em.flush();
  }

  /** Begins with what was chosen, goes on after a stop, or tries again what failed. */
  async run(
    work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
    transfer: Transfer,
    change: { readonly publishes?: boolean } = {},
  ): Promise<void> {
    if (transfer.state === 'running') throw new AppError('conflict', t('import.under-way'));
    await work.em.nativeUpdate(
      Transfer,
      { id: transfer.id },
      { state: 'running', message: null, updatedAt: work.now(), ...change },
    );
    await this.#goOn(work, transfer.id, 0);
  }

  async stop({ em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>, transfer: Transfer): Promise<void> {
    if (transfer.state !== 'running' && transfer.state !== 'looking') return;
    const state = transfer.state === 'running' ? 'stopped' : 'failed';
    const message = state === 'failed' ? t('import.stopped') : null;
    await em.nativeUpdate(Transfer, { id: transfer.id }, { state, message, updatedAt: now() });
    if (transfer.jobId) await jobs.cancel(em, transfer.jobId);
  }

  /** What came in stays; the list of it goes. */
  async remove(work: Pick<Work, 'em' | 'jobs' | 'now'>, transfer: Transfer): Promise<void> {
    await this.stop(work, transfer);
    await work.em.nativeDelete(TransferItem, { transfer: transfer.id });
    await work.em.nativeDelete(Transfer, { id: transfer.id });
    await rm(join(this.parts.folder, transfer.id), { recursive: true, force: true });
  }

  /** An archive lies where the store has it, or as a copy while it is read. */
  async #withSource<T>(
    { files }: Work,
    transfer: Transfer,
    signal: AbortSignal,
    use: (source: Source, archivePath: string | null) => Promise<T>,
  ): Promise<T> {
    const { archiveSha256: sha256, sealedKey } = transfer;
    await mkdir(this.parts.folder, { recursive: true });
    const stored = sha256 ? files.localPath(sha256) : null;
    const copy = sha256 && !stored ? join(this.parts.folder, `${newId()}.zip`) : null;
    if (sha256 && copy) await pipeline(files.open(sha256), createWriteStream(copy), { signal });
    const archivePath = stored ?? copy;
    try {
      const key = sealedKey ? unseal(this.parts.secretKey, sealedKey) : '';
      const source = await openSource(this.parts, transfer, key, archivePath);
      try {
        return await use(source, archivePath);
      } finally {
        await source.close();
      }
    } finally {
      if (copy) await rm(copy, { force: true });
    }
  }
}
