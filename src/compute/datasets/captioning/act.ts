import { z } from 'zod';
import { chargeAhead } from '../../../economy/charge.ts';
import { rows, toNumber } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import { findStatus } from '../../../kit/queue/status.ts';
import type { Work } from '../../../kit/work.ts';
import { settleHeld } from '../../gpu/credits.ts';
import { assertAllowance, assertRoom, gpuSettings } from '../../gpu/quotas.ts';
import { shareOf } from '../../gpu/settle.ts';
import { tagsOf } from '../captions.ts';
import { type Captioning, Dataset, DatasetItem } from '../model.ts';
import { loadOwnDataset, mayTrain } from '../own.ts';
import type { Captioner } from './captioner.ts';
import { isToDo } from './keep.ts';

export const CAPTION_MODES = ['empty', 'append', 'replace'] as const;
const MOST_EXCLUDED = 200;

const switched = z
  .literal('1')
  .optional()
  .transform((value) => value === '1');

export const CaptioningForm = z.object({
  threshold: z.coerce.number('Give a number.').min(0.05, 'At least 0.05.').max(0.99, 'At most 0.99.'),
  mode: z.enum(CAPTION_MODES, 'Choose what becomes of the captions that are there.'),
  prefix: z.string().trim().max(500, 'At most 500 characters.').default(''),
  exclude: z
    .string()
    .max(2_000, 'At most 2,000 characters.')
    .default('')
    .transform(tagsOf)
    .refine((tags) => tags.length <= MOST_EXCLUDED, `At most ${MOST_EXCLUDED} tags.`),
  underscores: switched,
  parentheses: switched,
});

type Acting = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/**
 * Has the captioner look at a set. Throws `unavailable` without one, `conflict` while it is at it, `invalid` when there
 * is nothing to do, and `rate_limited` beyond what this account may use.
 */
export async function beginCaptioning(
  work: Acting,
  captioner: Captioner,
  datasetId: string,
  { threshold, mode, prefix, exclude, underscores, parentheses }: z.output<typeof CaptioningForm>,
): Promise<void> {
  const { em, jobs } = work;
  const { id, owner } = await loadOwnDataset(work, datasetId);
  if (!(await captioner.isAble(work))) throw new AppError('unavailable', 'This node has no captioner.');
  const settings = await captioner.settings.read(em, gpuSettings);
  await em.fork().transactional(async (tx) => {
    // one after the other, so that two requests do not both find it idle
    await rows(tx, 'update dataset set updated_at = updated_at where id = ? returning id', [id]);
    const dataset = await tx.findOneOrFail(Dataset, id);
    if (await isCaptioning({ em: tx }, dataset))
      throw new AppError('conflict', 'The captioner is at work on these pictures already.');
    const captioning: Captioning = {
      ...{ id: newId(), threshold, mode, prefix, exclude, refused: [], error: null },
      ...{ replaceUnderscores: underscores, escapeParentheses: parentheses },
    };
    const items = await tx.find(DatasetItem, { dataset, deletedAt: null });
    const count = items.filter((item) => isToDo(item, captioning)).length;
    if (count === 0) {
      const message =
        items.length === 0 ? 'There is no picture in this set yet.' : 'Every picture has a caption already.';
      throw new AppError('invalid', message, { fields: { mode: message } });
    }
    const [open] = await rows<{ n: unknown }>(
      tx,
      `select count(*) as n from job where account_id = ? and name = ? and state in ('queued', 'running')`,
      [owner.id, captioner.job.name],
    );
    assertRoom(toNumber(open?.n), settings.openTrainings);
    const { p50: costSeconds } = await captioner.estimate(tx, count);
    await assertAllowance({ em: tx, now: work.now }, mayTrain(work.viewer), costSeconds, settings);
    const jobId = jobs.enqueue(
      tx,
      captioner.job,
      { datasetId: id, act: captioning.id },
      {
        ...{ accountId: owner.id, partition: `caption:${owner.id}`, partitionLimit: settings.runningTrainings },
        share: shareOf({ id: owner.id, host: '' }, 'batch', { costSeconds }),
      },
    );
    Object.assign(dataset, { captioning, captionJobId: jobId, updatedAt: work.now() });
    await tx.flush();
    const asked = { subject: { kind: 'caption', id: captioning.id }, jobId, seconds: costSeconds } as const;
    await chargeAhead(tx, captioner.settings, mayTrain(work.viewer), asked, work.now());
  });
}

async function isCaptioning({ em }: Pick<Work, 'em'>, { captionJobId }: Pick<Dataset, 'captionJobId'>) {
  const status = captionJobId ? await findStatus(em, captionJobId) : null;
  return status?.state === 'queued' || status?.state === 'running';
}

/** What it wrote so far stays, and can be undone. */
export async function cancelCaptioning(work: Acting, datasetId: string): Promise<void> {
  const { captionJobId, captioning } = await loadOwnDataset(work, datasetId);
  if (captionJobId) await work.jobs.cancel(work.em, captionJobId);
  if (captioning) await settleHeld(work, 'caption', captioning.id);
}

/**
 * Puts back what stood there before the captioner's last act, except where somebody wrote since. Returns how many came
 * back. Throws `conflict` while it is at work or when there is nothing to undo.
 */
export async function undoCaptioning(work: Acting, datasetId: string): Promise<number> {
  const { em, now } = work;
  const dataset = await loadOwnDataset(work, datasetId);
  if (await isCaptioning(work, dataset))
    throw new AppError('conflict', 'The captioner is still at work; stop it first.');
  const act = dataset.captioning?.id;
  if (!act) throw new AppError('conflict', 'There is nothing to undo.');
  let count = 0;
  for (const item of await em.find(DatasetItem, { dataset, deletedAt: null })) {
    if (item.autoCaption?.act !== act) continue;
    const { before, after } = item.autoCaption;
    if (item.caption === after) {
      item.caption = before;
      count += 1;
    }
    item.autoCaption = null;
  }
  Object.assign(dataset, { captioning: null, captionJobId: null, updatedAt: now() });
  await em.flush();
  return count;
}
