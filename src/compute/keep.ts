import { z } from 'zod';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { isId } from '../kit/ids.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { GenerationDraft, GenerationInput, GenerationPreset } from './desk/model.ts';
import { settleHeld } from './gpu/credits.ts';
import { Generation, GenerationImage } from './model.ts';
import { withheld } from './standing.ts';
import { assertImageNotShut } from './withhold.ts';

/** Throws `not_found` for what is not the viewer's: that somebody else made it is nobody's business. */
export async function loadOwnGeneration({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<Generation> {
  const generation = viewer && (await em.findOne(Generation, { id, account: viewer.id, deletedAt: null }));
  if (!generation) throw new AppError('not_found', 'There is no such generation.');
  return generation;
}

/** Ends what waits or runs; the engine stops within a step. What has ended stays as it is. */
export async function cancelGeneration(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  generationId: string,
): Promise<void> {
  const { em, jobs, now } = work;
  const generation = await loadOwnGeneration(work, generationId);
  // the state first: a run that ends at this moment sees it, and keeps no pictures that nobody waits for
  await rows(
    em,
    `update generation set state = 'cancelled', finished_at = ? where id = ? and state = 'queued' returning id`,
    [now(), generationId],
  );
  if (generation.jobId) await jobs.cancel(em, generation.jobId);
  await settleHeld(work, 'generation', generationId);
}

/** Hidden at once; an hour later it is gone for good. */
const UNDO_MS = 3_600_000;

/** Takes a generation out of sight, with its pictures. Those that were posted stay where they were posted. */
export async function deleteGeneration(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  generationId: string,
): Promise<void> {
  await cancelGeneration(work, generationId);
  await work.em.transactional(async (em) => {
    await em.nativeUpdate(Generation, { id: generationId }, { deletedAt: work.now() });
    await purgeLater(work, em, generationId);
  });
}

/** The same for some of its pictures. Returns how many there were. */
export async function deleteResults(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  generationId: string,
  imageIds: readonly string[],
): Promise<number> {
  await loadOwnGeneration(work, generationId);
  const ids = imageIds.filter(isId);
  return work.em.transactional(async (em) => {
    const where = { generation: generationId, id: { $in: ids }, deletedAt: null };
    const deleted = await em.nativeUpdate(GenerationImage, where, { deletedAt: work.now() });
    if (deleted > 0) await purgeLater(work, em, generationId);
    return deleted;
  });
}

/** Brings back what was deleted within the hour: the generation, and pictures of it. Throws `not_found` after that. */
export async function restoreGeneration({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  const generation = viewer && (await em.findOne(Generation, { id, account: viewer.id }));
  if (!generation) throw new AppError('not_found', 'There is no such generation; it may be too late to undo.');
  generation.deletedAt = null;
  await em.nativeUpdate(GenerationImage, { generation: id }, { deletedAt: null });
  await em.flush();
}

async function purgeLater({ jobs }: Pick<Work, 'jobs'>, em: Work['em'], generationId: string): Promise<void> {
  jobs.enqueue(em, purgeGenerationJob, { generationId }, { delayMs: UNDO_MS });
  await em.flush();
}

export const purgeGenerationJob = defineJob({
  name: 'compute.purge-generation',
  lane: 'clock',
  payload: z.object({ generationId: z.string() }),
  attempts: 5,
  run: (work, { generationId }) => purgeGeneration(work, generationId),
});

/** What was restored, or deleted anew since, stays: that has a job of its own. */
async function purgeGeneration({ em, now }: Pick<Work, 'em' | 'now'>, generationId: string): Promise<void> {
  const deletedAt = { $lte: new Date(now().getTime() - UNDO_MS) };
  await em.transactional(async (tx) => {
    await tx.nativeDelete(GenerationImage, { generation: generationId, deletedAt });
    if ((await tx.count(Generation, { id: generationId, deletedAt })) === 0) return;
    await tx.nativeDelete(GenerationImage, { generation: generationId });
    await tx.nativeDelete(Generation, { id: generationId });
  });
}

export interface ResultFile {
  readonly sha256: string;
  readonly totalBytes: number;
  readonly fileName: string;
  readonly contentType: string;
}

/** A picture, or its small copy for lists. */
export async function loadResultFile(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageId: string,
  kind: 'full' | 'small',
): Promise<ResultFile> {
  const where = { id: imageId, deletedAt: null, generation: { account: viewer?.id ?? 0, deletedAt: null } };
  const image = await em.findOne(GenerationImage, where, { populate: ['generation'] });
  if (!image) throw new AppError('not_found', 'There is no such picture.');
  if (image.generation.$.withheldAt != null) throw withheld();
  if (image.postedImageId != null) await assertImageNotShut(em, image.postedImageId);
  const { sha256, totalBytes, thumbSha256, thumbBytes, seed, position, format } = image;
  const name = `${image.generation.id.slice(0, 8)}-${position}-${seed}`;
  const ending = format === 'jpeg' ? 'jpg' : format;
  if (kind === 'full') return { sha256, totalBytes, fileName: `${name}.${ending}`, contentType: `image/${format}` };
  if (!thumbSha256) throw new AppError('not_found', 'This picture has no small copy.');
  return { sha256: thumbSha256, totalBytes: thumbBytes, fileName: `${name}.webp`, contentType: 'image/webp' };
}

/** After `account.deleted`: what somebody generated and never posted goes with them. */
export const forgetGenerationsJob = defineJob({
  name: 'compute.forget-generations',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: (work, { accountId }) => forgetGenerations(work, accountId),
});

async function forgetGenerations({ em, jobs }: Pick<Work, 'em' | 'jobs'>, accountId: number): Promise<void> {
  const open = await rows<{ job_id: string | null }>(
    em,
    `select job_id from generation where account_id = ? and state = 'queued'`,
    [accountId],
  );
  for (const { job_id: jobId } of open) if (jobId) await jobs.cancel(em, jobId);
  await em.transactional(async (tx) => {
    await tx.nativeDelete(GenerationImage, { generation: { account: accountId } });
    await tx.nativeDelete(Generation, { account: accountId });
    await tx.nativeDelete(GenerationDraft, { account: accountId });
    await tx.nativeDelete(GenerationPreset, { account: accountId });
    await tx.nativeDelete(GenerationInput, { account: accountId });
  });
}
