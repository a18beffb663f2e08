import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { can } from '../../accounts/permissions.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { type ItemKind, type ItemState, type Transfer, TransferItem } from './model.ts';
import type { TransferParts } from './parts.ts';
import type { Source } from './source.ts';
import { takeModel } from './take-model.ts';
import { takeBlock, takeFollow, takeProfile } from './take-people.ts';
import { takePost } from './take-post.ts';
import { takeCollection, takeComment, takeReview } from './take-talk.ts';
import type { Taken, Taking } from './taking.ts';

/** More than this is no account of a person. */
const MOST_ITEMS = 50_000;
const BATCH = 200;
/** So many in a row that did not answer: the source is away, and trying the rest only marks it as failed. */
const MOST_SILENT = 5;

interface Progress {
  readonly signal: AbortSignal;
  progress(done: number, total: number, note?: string): void;
}

const TAKES: Readonly<Record<ItemKind, (taking: Taking, plan: unknown) => Promise<Taken>>> = {
  profile: takeProfile,
  model: takeModel,
  post: takePost,
  review: takeReview,
  comment: takeComment,
  collection: takeCollection,
  follow: takeFollow,
  block: (taking, plan) => takeBlock(taking, plan, 'block'),
  mute: (taking, plan) => takeBlock(taking, plan, 'mute'),
};

/** Writes down what would come; nothing comes yet. Again begins anew. */
export async function lookInto(
  work: Work,
  transfer: Transfer,
  source: Source,
  { signal, progress }: Progress,
): Promise<void> {
  const em = work.em.fork();
  await em.nativeDelete(TransferItem, { transfer: transfer.id });
  let position = 0;
  for await (const { kind, title, totalBytes, plan } of source.look(signal)) {
    signal.throwIfAborted();
    if (position >= MOST_ITEMS) throw new AppError('too_large', t('import.too-many', { most: MOST_ITEMS }));
    const words = { kind, title: title.replaceAll('\u0000', '').slice(0, 300), totalBytes };
    em.create(TransferItem, { id: newId(), transfer: transfer.id, position, ...words, plan }, { persist: true });
    position += 1;
    if (position % BATCH > 0) continue;
    await em.flush();
    em.clear();
    progress(position, 0);
  }
  await em.flush();
  if (position === 0) throw new AppError('invalid', t('import.nothing-there'));
}

/**
 * Brings in what waits, one thing after the other, each by the services that a person's own hand would use. Ends when
 * nothing waits, when `mayGoOn` says no, or when the source is away. Returns whether all of it is through.
 */
export async function takeWaiting(
  work: Work,
  parts: TransferParts,
  transfer: Transfer,
  source: Source,
  handle: Progress,
  mayGoOn: () => Promise<boolean>,
): Promise<'done' | 'paused' | 'away'> {
  const taking = await openTaking(work, parts, transfer, source, handle.signal);
  const { done: before, total } = await countItems(work.em, transfer.id);
  let silent = 0;
  for (let done = before; ; done += 1) {
    handle.signal.throwIfAborted();
    const waiting = { transfer: transfer.id, state: 'waiting' } as const;
    const item = await work.em.fork().findOne(TransferItem, waiting, { orderBy: { position: 1 } });
    if (!item) return 'done';
    if (!(await mayGoOn())) return 'paused';
    handle.progress(done, total, t('import.now', { n: done + 1, total, title: item.title }));
    const isAway = await takeItem(taking, item);
    silent = isAway ? silent + 1 : 0;
    if (silent >= MOST_SILENT) return 'away';
  }
}

/** True when the source did not answer. */
async function takeItem(taking: Taking, item: TransferItem): Promise<boolean> {
  const em = taking.work.em.fork();
  const write = (change: { state: ItemState; message: string | null; path?: string | null }) =>
    em.nativeUpdate(TransferItem, { id: item.id }, change);
  try {
    const { path, isKnown, isHeld, problems, notes = [] } = await TAKES[item.kind](taking, item.plan);
    const state = problems.length > 0 ? 'failed' : isHeld ? 'held' : isKnown ? 'known' : 'done';
    const message = [...problems, ...notes].join(' ').slice(0, 600) || null;
    await write({ state, message, path });
    return false;
  } catch (error) {
    // whoever asks too often is asked to wait: the job comes back
    if (!(error instanceof AppError) || taking.signal.aborted || error.kind === 'rate_limited') throw error;
    await write({ state: 'failed', message: error.message.slice(0, 600) });
    return error.kind === 'unavailable';
  }
}

async function openTaking(
  work: Work,
  parts: TransferParts,
  transfer: Transfer,
  source: Source,
  signal: AbortSignal,
): Promise<Taking> {
  const viewer = await loadBringer(work, transfer);
  const folder = join(parts.folder, transfer.id);
  await mkdir(folder, { recursive: true });
  const { allowedLevels } = await parts.settings.read(work.em, nodeSettings);
  const own = { ...work, viewer };
  return {
    ...{ work: own, source, uploads: parts.uploads, limits: parts.limits, allowedLevels, folder, signal },
    nodeOrigin: parts.publicUrl.origin,
    publishes: transfer.publishes,
    findPerson: (handle) => parts.findPerson({ ...own, em: work.em.fork() }, handle),
  };
}

/** Whoever may not publish any more brings nothing in either. */
async function loadBringer({ em }: Work, transfer: Transfer): Promise<Viewer> {
  const account = await em.fork().findOne(Account, { id: transfer.account.id, state: 'active' });
  const viewer = account && viewerOf(account);
  if (!viewer || !can(viewer, 'publish')) throw new AppError('forbidden', t('import.may-not'));
  return viewer;
}

export async function countItems(em: Work['em'], transferId: string): Promise<{ done: number; total: number }> {
  const [found] = await rows<{ done: unknown; total: unknown }>(
    em,
    `select sum(case when state = 'waiting' then 0 else 1 end) as done, count(*) as total from transfer_item
     where transfer_id = ? and state <> 'found'`,
    [transferId],
  );
  return { done: toNumber(found?.done), total: toNumber(found?.total) };
}
