import { z } from 'zod';
import { rows } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';
import { Generation, GenerationImage } from './model.ts';

/** Throws `not_found` for what is not the viewer's: that somebody else made it is nobody's business. */
export async function loadOwnGeneration({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<Generation> {
  const generation = viewer && (await em.findOne(Generation, { id, account: viewer.id }));
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
}

/** Forgets a generation and its pictures. Those that were posted stay where they were posted. */
export async function deleteGeneration(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  generationId: string,
): Promise<void> {
  await cancelGeneration(work, generationId);
  await work.em.transactional(async (em) => {
    await em.nativeDelete(GenerationImage, { generation: generationId });
    await em.nativeDelete(Generation, { id: generationId });
  });
}

export interface ResultFile {
  readonly sha256: string;
  readonly totalBytes: number;
  readonly fileName: string;
}

/** A picture, or its small copy for lists. */
export async function loadResultFile(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageId: string,
  kind: 'png' | 'webp',
): Promise<ResultFile> {
  const image = viewer && (await em.findOne(GenerationImage, { id: imageId, generation: { account: viewer.id } }));
  if (!image) throw new AppError('not_found', 'There is no such picture.');
  const { sha256, totalBytes, thumbSha256, thumbBytes, seed, position } = image;
  const fileName = `${image.generation.id.slice(0, 8)}-${position}-${seed}.${kind}`;
  if (kind === 'png') return { sha256, totalBytes, fileName };
  if (!thumbSha256) throw new AppError('not_found', 'This picture has no small copy.');
  return { sha256: thumbSha256, totalBytes: thumbBytes, fileName };
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
  });
}
