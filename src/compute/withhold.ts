import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import type { PolicyTarget } from '../safety/policy.ts';
import { assertNotShut } from '../safety/standing.ts';
import { settleHeld } from './gpu/credits.ts';
import { MergeRun } from './merging/model.ts';
import { Generation } from './model.ts';
import { filesOf } from './request.ts';
import { versionIdsOf } from './standing.ts';
import { TrainingRun } from './training/model.ts';
import { dropOutput } from './training/store.ts';

/** What a decision is about, as the GPU knows it. */
export interface Concerned {
  /** Whose work ends; null: only what uses the rest. */
  readonly accountId: number | null;
  readonly versionIds: readonly number[];
  /** Pictures that a request may begin from. */
  readonly sha256s: readonly string[];
}

type WorkTable = 'generation' | 'training_run' | 'merge_run';
const HOLDS = { generation: 'generation', training_run: 'training', merge_run: 'merge' } as const;

const BATCH = 200;

/**
 * Ends what waits or runs and leans on something that was decided about, and says why. It costs nothing: what waits is
 * not booked, and who books a run asks `isEndedByNode`. Again is harmless. Returns how many there were.
 */
export async function cancelRuns(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  concerned: Concerned,
): Promise<number> {
  let cancelled = 0;
  const end = async (table: WorkTable, id: string, jobId: string | null) => {
    const open = table === 'generation' ? `('queued')` : `('queued', 'running')`;
    const ended = await rows(
      em,
      `update ${table} set state = 'cancelled', error = ?, finished_at = ? where id = ? and state in ${open} returning id`,
      [t('compute.withheld'), now(), id],
    );
    cancelled += ended.length;
    if (jobId) await jobs.cancel(em, jobId);
    await settleHeld({ em, now }, HOLDS[table], id);
  };
  for (let after = ''; ; ) {
    const open = await em
      .fork()
      .find(Generation, { state: 'queued', ...(after === '' ? {} : { id: { $gt: after } }) }, BY_ID);
    for (const { id, account, request, startSha256, jobId } of open) {
      const uses = versionIdsOf(filesOf(request)).some((versionId) => concerned.versionIds.includes(versionId));
      const begins = startSha256 != null && concerned.sha256s.includes(startSha256);
      if (uses || begins || account.id === concerned.accountId) await end('generation', id, jobId ?? null);
    }
    after = open.at(-1)?.id ?? '';
    if (open.length < BATCH) break;
  }
  const runs = await em.fork().find(TrainingRun, { state: { $in: ['queued', 'running'] } });
  for (const { id, owner, base, manifest, jobId } of runs) {
    const uses = base.versionId !== null && concerned.versionIds.includes(base.versionId);
    const learns = manifest.items.some(({ sha256 }) => concerned.sha256s.includes(sha256));
    if (!uses && !learns && owner.id !== concerned.accountId) continue;
    await end('training_run', id, jobId ?? null);
    await dropOutput(em, id);
  }
  const merges = await em.fork().find(MergeRun, { state: { $in: ['queued', 'running'] } });
  for (const { id, owner, parts, jobId } of merges) {
    const uses = versionIdsOf(parts).some((versionId) => concerned.versionIds.includes(versionId));
    if (uses || owner.id === concerned.accountId) await end('merge_run', id, jobId ?? null);
  }
  return cancelled;
}

const BY_ID = { orderBy: { id: 1 }, limit: BATCH } as const;

/** Did moderation end it, and not who asked for it? Then it costs nothing. */
export async function isEndedByNode(em: EntityManager, table: WorkTable, id: string) {
  const found = await rows(em, `select id from ${table} where id = ? and state = 'cancelled' and error is not null`, [
    id,
  ]);
  return found.length > 0;
}

/** Keeps back, or gives back, what was made with these versions and not posted. Returns how many generations. */
export async function withholdOutputs(
  { em, now }: Pick<Work, 'em' | 'now'>,
  versionIds: readonly number[],
  isWithheld: boolean,
): Promise<number> {
  let changed = 0;
  for (const versionId of versionIds) {
    // the two databases write JSON with and without spaces
    const likes = ['', ' '].flatMap((space) => [',', '}'].map((end) => `%"versionId":${space}${versionId}${end}%`));
    const found = await rows(
      em,
      `update generation set withheld_at = ? where withheld_at is ${isWithheld ? '' : 'not '}null
         and (${likes.map(() => 'cast(request as text) like ?').join(' or ')}) returning id`,
      [isWithheld ? now() : null, ...likes],
    );
    changed += found.length;
  }
  return changed;
}

/** Pictures of generations that were posted as these: the same bytes, and a small copy. */
export async function listPostedAs(em: EntityManager, imageIds: readonly number[]): Promise<string[]> {
  const found = await rows<{ sha256: string; thumb_sha256: string | null }>(
    em,
    `select sha256, thumb_sha256 from generation_image where posted_image_id in (${inList(imageIds)})`,
    [...imageIds],
  );
  return found.flatMap(({ sha256, thumb_sha256: thumb }) => (thumb ? [sha256, thumb] : [sha256]));
}

/** Throws `gone` or `withheld` when the picture that this became was taken down, alone or with its post. */
export async function assertImageNotShut(em: EntityManager, imageId: number): Promise<void> {
  const [image] = await rows<{ post_id: number; owner_id: number }>(
    em,
    'select post_id, owner_id from image where id = ?',
    [imageId],
  );
  if (!image) return;
  const targets: PolicyTarget[] = [
    { kind: 'image', id: imageId },
    { kind: 'post', id: image.post_id },
  ];
  await assertNotShut(em, targets);
}

/** The same for the version that an epoch of a training became. */
export async function assertVersionNotShut(em: EntityManager, versionId: number): Promise<void> {
  const [version] = await rows<{ model_id: number }>(em, 'select model_id from model_version where id = ?', [
    versionId,
  ]);
  if (!version) return;
  await assertNotShut(em, [
    { kind: 'version', id: versionId },
    { kind: 'model', id: version.model_id },
  ]);
}
