import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { Login } from '../../accounts/login.ts';
import { letter } from '../../accounts/mail/letters.ts';
import type { Mailer } from '../../accounts/mail/mailer.ts';
import { Account } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { actorUri } from '../../federation/addresses.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../kit/queue/define.ts';
import { findStatus } from '../../kit/queue/status.ts';
import type { Settings } from '../../kit/settings.ts';
import { StoredZip } from '../../kit/web/download/stored-zip.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import {
  BLOCKED,
  CREDITS,
  DOCUMENTS,
  FOLLOWING,
  FORMAT,
  LICENCES,
  MANIFEST,
  type Manifest,
  MUTED,
  PROFILE,
  type ProfileDoc,
  SEARCHES,
} from '../format.ts';
import { Gathering, type TakenBlob } from './gather.ts';
import {
  gatherBlocks,
  gatherBounties,
  gatherCollections,
  gatherComments,
  gatherFollows,
  gatherReviews,
  gatherSearches,
} from './gather-talk.ts';
import { gatherModels, gatherPosts } from './gather-things.ts';
import { gatherCredits, gatherLicences } from './gather-trade.ts';
import { DocumentFile, type LayoutEntry } from './layout.ts';
import { AccountExport } from './model.ts';

const Payload = z.object({ exportId: z.string() });
const DAY_MS = 86_400_000;
export const KEPT_DAYS = 7;

export interface ExportOptions {
  readonly publicUrl: URL;
  readonly mailer: Mailer;
  readonly settings: Settings;
  /** Where documents lie while they are written. */
  readonly folder: string;
}

/** Makes archives of accounts, one at a time for each, in the background. One for the process. */
export class Exports {
  readonly #options: ExportOptions;
  readonly job: JobDefinition<typeof Payload>;
  readonly sweepJob: JobDefinition<typeof Payload>;

  constructor(options: ExportOptions) {
    this.#options = options;
    this.job = defineJob({
      name: 'transfer.export-account',
      lane: 'media',
      payload: Payload,
      attempts: 5,
      run: (work, { exportId }, handle) => this.#run(work, exportId, handle),
    });
    this.sweepJob = defineJob({
      name: 'transfer.end-export',
      lane: 'clock',
      payload: Payload,
      attempts: 5,
      run: ({ em, now }, { exportId }) => em.nativeDelete(AccountExport, { id: exportId, expiresAt: { $lte: now() } }),
    });
  }

  /** Throws `conflict` while one is being made. The one before it goes. */
  async begin({ em, viewer, jobs, now }: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>): Promise<void> {
    if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
    await em.transactional(async (tx) => {
      const known = await tx.findOne(AccountExport, { account: viewer.id });
      if (known && (await isUnderWay(tx, known))) throw new AppError('conflict', t('export.under-way'));
      if (known) await tx.nativeDelete(AccountExport, { id: known.id });
      const id = newId();
      const expiresAt = new Date(now().getTime() + KEPT_DAYS * DAY_MS);
      const jobId = jobs.enqueue(tx, this.job, { exportId: id }, { accountId: viewer.id, partition: 'account-export' });
      tx.create(AccountExport, { id, account: viewer.id, jobId, createdAt: now(), expiresAt }, { persist: true });
      await tx.flush();
    });
  }

  async #run(work: Work, exportId: string, handle: JobHandle): Promise<void> {
    const { em, now } = work;
    const row = await em.findOne(AccountExport, { id: exportId, state: 'making' }, { populate: ['account'] });
    if (!row) return;
    try {
      const made = await this.#make(work, row.account.$, handle);
      Object.assign(row, { ...made, state: 'ready', finishedAt: now() });
      row.expiresAt = new Date(now().getTime() + KEPT_DAYS * DAY_MS);
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'unavailable') throw error;
      Object.assign(row, { state: 'failed', message: error.message.slice(0, 600), finishedAt: now() });
    }
    await this.#tell(work, row);
    work.jobs.enqueue(em, this.sweepJob, { exportId }, { delayMs: KEPT_DAYS * DAY_MS + 1_000 });
    await em.flush();
  }

  async #make(work: Work, account: Account, handle: JobHandle) {
    const { files } = work;
    const { folder, publicUrl } = this.#options;
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${newId()}.part`);
    const documents = new DocumentFile(path);
    try {
      const gathering = new Gathering(work.em.fork(), publicUrl.origin, account.id);
      const profile = await gatherProfile(work, gathering, account);
      await documents.write(DOCUMENTS.models, lines(gatherModels(gathering)));
      await documents.write(DOCUMENTS.posts, lines(gatherPosts(gathering)));
      await documents.write(DOCUMENTS.reviews, lines(gatherReviews(gathering)));
      await documents.write(DOCUMENTS.comments, lines(gatherComments(gathering)));
      await documents.write(DOCUMENTS.collections, lines(gatherCollections(gathering)));
      await documents.write(DOCUMENTS.bounties, lines(gatherBounties(gathering)));
      await documents.write(PROFILE, [`${JSON.stringify(profile, null, 2)}\n`]);
      await documents.write(FOLLOWING, gatherFollows(gathering));
      await documents.write(BLOCKED, gatherBlocks(gathering, 'block'));
      await documents.write(MUTED, gatherBlocks(gathering, 'mute'));
      await documents.write(LICENCES, gatherLicences(gathering));
      await documents.write(CREDITS, gatherCredits(gathering));
      await documents.write(SEARCHES, gatherSearches(gathering));
      const blobs = await measureBlobs(work, gathering, handle);
      const described = [...documents.entries, ...blobs];
      await documents.write(MANIFEST, [
        `${JSON.stringify(this.#manifest(account, described, gathering.leftOut, work.now()), null, 1)}\n`,
      ]);
      await documents.end();
      // the manifest first: whoever opens the archive reads it before all else
      const [manifest, ...others] = [...documents.entries].reverse();
      const entries = [...(manifest ? [manifest] : []), ...others.reverse(), ...blobs];
      const { sha256: documentsSha256 } = await files.put({ path, move: true });
      const { sha256: layoutSha256 } = await files.put(Buffer.from(JSON.stringify(entries)));
      const { totalBytes } = new StoredZip(entries);
      return { documentsSha256, layoutSha256, totalBytes, entryCount: entries.length, leftOut: gathering.leftOut };
    } finally {
      await rm(path, { force: true });
    }
  }

  #manifest(account: Account, entries: readonly LayoutEntry[], leftOut: string[], now: Date): Manifest {
    const { origin } = this.#options.publicUrl;
    return {
      format: FORMAT,
      version: 1,
      origin,
      account: { name: account.name, uri: actorUri(origin, account) },
      createdAt: now.toISOString(),
      entries: entries.map(({ name, totalBytes, sha256 }) => ({ name, totalBytes, sha256 })),
      leftOut,
    };
  }

  async #tell(work: Work, { account, state }: AccountExport): Promise<void> {
    const { mailer, settings, publicUrl } = this.#options;
    const login = await work.em.findOne(Login, { account: account.id });
    if (!login) return;
    const node = await settings.read(work.em, nodeSettings);
    const key = state === 'ready' ? 'export-ready' : 'export-failed';
    const owner = await work.em.findOneOrFail(Account, account.id);
    const values = { days: String(KEPT_DAYS) };
    mailer.post(
      work,
      login.email,
      letter(node, key, owner.displayName || owner.name, values, new URL('/settings/export', publicUrl), false),
    );
  }
}

/** A job that failed for good makes nothing more. */
async function isUnderWay(em: Work['em'], { state, jobId }: AccountExport): Promise<boolean> {
  const job = state === 'making' && jobId ? await findStatus(em, jobId) : null;
  return job?.state === 'queued' || job?.state === 'running';
}

async function* lines(docs: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const doc of docs) yield `${JSON.stringify(doc)}\n`;
}

async function gatherProfile(
  { files }: Pick<Work, 'files'>,
  gathering: Gathering,
  account: Account,
): Promise<ProfileDoc> {
  const face = async (sha256: string | null | undefined) => {
    const stat = sha256 ? await files.stat(sha256) : null;
    if (!sha256 || !stat) return null;
    const { totalBytes } = stat;
    return { path: gathering.take('images', sha256, totalBytes, '.webp', null), sha256, totalBytes };
  };
  const { name, displayName, bio, links, isLocked, isNetworkShown } = account;
  return {
    ...{ name, displayName, bio, links: [...links], isLocked, isNetworkShown },
    avatar: await face(account.avatarSha256),
    banner: await face(account.bannerSha256),
  };
}

/**
 * Pictures are read for their CRC-32, and compared with their hash on the way; that of model files is known since they
 * came. What the store has no more is said and left out.
 */
async function measureBlobs({ files }: Work, gathering: Gathering, handle: JobHandle): Promise<LayoutEntry[]> {
  const entries: LayoutEntry[] = [];
  const blobs = [...gathering.blobs.values()];
  for (const [n, blob] of blobs.entries()) {
    handle.signal.throwIfAborted();
    handle.progress(n, blobs.length);
    const stat = await files.stat(blob.sha256);
    const checksum = stat?.totalBytes === blob.totalBytes ? (blob.crc32 ?? (await readChecksum(files, blob))) : null;
    if (checksum === null) gathering.lose(blob);
    else {
      const { path: name, totalBytes, sha256 } = blob;
      entries.push({ name, totalBytes, crc32: checksum, sha256, atBytes: null });
    }
  }
  return entries;
}

async function readChecksum(files: Work['files'], { sha256 }: TakenBlob): Promise<number | null> {
  const hash = createHash('sha256');
  let checksum = 0;
  for await (const piece of files.open(sha256)) {
    hash.update(piece as Buffer);
    checksum = crc32(piece as Buffer, checksum);
  }
  return hash.digest('hex') === sha256 ? checksum : null;
}
