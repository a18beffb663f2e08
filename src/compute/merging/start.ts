import { Account } from '../../accounts/model.ts';
import { assertQuota } from '../../gallery/images/quota.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { usedBytesOf } from '../datasets/add-item.ts';
import { mayTrain } from '../datasets/own.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { assertMerging } from '../gates/merging.ts';
import { BASE_BLOCK } from './blocks.ts';
import type { Merger } from './merger.ts';
import { type MergeKind, type MergePart, MergeRun } from './model.ts';
import { canMerge, findMergeable, type Mergeable, partsOf } from './offers.ts';
import type { MergeSettings } from './params.ts';

export interface MergeRequest {
  readonly name: string;
  readonly kind: MergeKind;
  /** A, B and perhaps C; '' is none. */
  readonly keys: readonly [string, string, string];
  readonly settings: MergeSettings;
}

interface CheckedMerge {
  readonly parts: readonly MergePart[];
  readonly family: string;
  readonly baseModel: string;
  readonly settings: MergeSettings;
  /** What it will take of the disk, about. */
  readonly totalBytes: number;
}

const FIELDS = ['a', 'b', 'c'] as const;

/** Whether this can be merged here, before anything is written. Throws `invalid` by field, or `unavailable`. */
async function checkMerge(
  work: Pick<Work, 'em' | 'viewer'>,
  hello: EngineHello | null,
  { name, kind, keys, settings }: MergeRequest,
): Promise<CheckedMerge> {
  const viewer = mayTrain(work.viewer);
  if (!hello || !canMerge(hello)) throw new AppError('unavailable', t('merge.no-engine'));
  const found = await findMergeable(work, viewer, hello, kind, keys);
  const errors: Record<string, string> = {};
  if (name.trim() === '') errors.name = t('merge.error.name');
  for (const n of [0, 1] as const) if (keys[n] === '') errors[FIELDS[n]] = t('merge.error.choose');
  for (const [n, offer] of found.entries())
    if (keys[n] !== '' && !offer) errors[FIELDS[n] ?? 'a'] = t('merge.error.gone');
  if (settings.method === 'add_difference' && keys[2] === '') errors.c = t('merge.error.third');
  const offers = found.flatMap((offer) => offer ?? []);
  const [first] = offers;
  for (const [n, offer] of found.entries())
    if (offer && first && offer.family !== first.family)
      errors[FIELDS[n] ?? 'a'] = t('merge.error.family', { name: offer.title, other: first.title });
  Object.assign(errors, wrongNumbers(settings, kind, offers.length));
  const known = [BASE_BLOCK, ...(hello.caps.merging[first?.family ?? '']?.blocks ?? [])];
  if (first && Object.keys(settings.blocks).some((block) => !known.includes(block)))
    errors.blocks = t('merge.error.blocks');
  const [message] = Object.values(errors);
  if (message || !first) throw new AppError('invalid', message ?? '', { fields: errors });
  return { ...(await sized(work, kind, offers, settings)), family: first.family, baseModel: first.baseModel, settings };
}

function wrongNumbers({ method, weights, rank }: MergeSettings, kind: MergeKind, count: number) {
  if (method !== 'sum') return rank !== null && kind !== 'lora' ? { rank: t('merge.error.rank') } : {};
  if (kind !== 'lora') return { method: t('merge.error.sum') };
  if (weights.slice(0, count).every((weight) => weight === 0)) return { weightA: t('merge.error.weights') };
  return {};
}

async function sized(
  work: Pick<Work, 'em'>,
  kind: MergeKind,
  offers: readonly Mergeable[],
  { dtype }: MergeSettings,
): Promise<{ readonly parts: readonly MergePart[]; readonly totalBytes: number }> {
  const parts = await partsOf(work, offers);
  const bytes = parts.map(({ totalBytes }) => totalBytes);
  // files mostly hold two bytes a number
  const wide = dtype === 'fp32' ? 2 : 1;
  const totalBytes = kind === 'checkpoint' ? (bytes[0] ?? 0) : bytes.reduce((sum, one) => sum + one, 0);
  return { parts, totalBytes: totalBytes * wide };
}

/**
 * Puts a merge into the queue. Throws as `checkMerge`, `invalid` where an author forbids merges, `rate_limited` beyond
 * what this account may use, `too_large` where the person's room is too small.
 */
export async function startMerge(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  merger: Merger,
  request: MergeRequest,
  defaultQuotaBytes: number,
): Promise<MergeRun> {
  const { em, now } = work;
  const viewer = mayTrain(work.viewer);
  const { parts, family, baseModel, settings, totalBytes } = await checkMerge(work, await merger.hello(work), request);
  const { kind } = request;
  const name = request.name.trim();
  await assertMerging(work, merger.guard, viewer, { name, kind, parts });
  await assertQuota(em, viewer.id, (await usedBytesOf(em, viewer.id)) + totalBytes, defaultQuotaBytes);
  return em.transactional(async (tx) => {
    const run = tx.create(
      MergeRun,
      {
        ...{ id: newId(), owner: tx.getReference(Account, viewer.id), name, kind, family, baseModel },
        ...{ parts, params: settings, round: 0, createdAt: now() },
      },
      { persist: true },
    );
    await merger.enqueue(tx, work, viewer, run);
    await tx.flush();
    return run;
  });
}
