import { z } from 'zod';
import { fromJson, rows } from '../kit/database/sql.ts';
import type { Work } from '../kit/work.ts';
import { groupKeyOf, imagesOf } from './engine/group.ts';
import type { Match } from './engines/rides.ts';
import { Generation } from './model.ts';
import { paramsOf } from './params.ts';

export const GENERATE_JOB = 'compute.generate';
export const GeneratePayload = z.object({ generationId: z.string() });

/** Few come along, and those soon; the rest of a long queue is not read for it. */
const MOST_READ = 32;

/**
 * Generations that wait and have the group key of the one that is about to run, the oldest first. One that was tried
 * before is none: it is made alone.
 */
export async function findMatches(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { id, request }: Generation,
  key: string,
  names: { readonly programVersion: string; readonly publicUrl: URL },
): Promise<Match[]> {
  const waiting = await rows<{ payload: unknown }>(
    em,
    `select cast(payload as text) as payload from job where lane = 'gpu' and state = 'queued' and run_at <= ?
       and name = ? and attempt = 0 and affinity = ? order by run_at, id limit ${MOST_READ}`,
    [now(), GENERATE_JOB, request.model.sha256],
  );
  const ids = waiting.map(({ payload }) => GeneratePayload.parse(fromJson<unknown>(payload)).generationId);
  if (ids.length === 0) return [];
  const found = await em.find(Generation, { id: { $in: ids, $ne: id }, state: 'queued' });
  return found.flatMap((generation) => {
    const { jobId } = generation;
    if (!jobId) return [];
    const params = paramsOf(generation, { ...names, jobId });
    return groupKeyOf(params) === key ? [{ jobId, images: imagesOf(params) }] : [];
  });
}
