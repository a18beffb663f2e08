import { Account } from '../../accounts/model.ts';
import { assertQuota } from '../../gallery/images/quota.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { hold } from '../../safety/holds/hold.ts';
import { usedBytesOf } from '../datasets/add-item.ts';
import { Dataset, type DatasetItem } from '../datasets/model.ts';
import { captionSubject } from '../datasets/notes/person-words.ts';
import { loadOwnDataset, mayTrain } from '../datasets/own.ts';
import { listItems } from '../datasets/pages/queries.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { assertTraining, captionHash, madeHere } from '../gates/training.ts';
import { fileOf } from '../models/choose.ts';
import { type Base, canTrain, findBase } from './bases.ts';
import { type Estimate, estimateTraining } from './estimate.ts';
import { type Look, type ManifestItem, type Preset, type Rights, TrainingEpoch, TrainingRun } from './model.ts';
import { MAX_STEPS, type TrainSettings } from './params.ts';
import type { Trainer } from './trainer.ts';

export interface TrainingRequest {
  readonly datasetId: string;
  readonly name: string;
  readonly baseKey: string;
  readonly preset: Preset;
  readonly look: Look;
  readonly settings: TrainSettings;
  /** An epoch of an earlier run whose weights it goes on from. */
  readonly startEpochId: string | null;
}

export interface CheckedTraining {
  readonly dataset: Dataset;
  readonly items: readonly DatasetItem[];
  readonly base: Base;
  readonly estimate: Estimate;
  readonly start: { readonly sha256: string; readonly title: string } | null;
}

type Checking = Pick<Work, 'em' | 'viewer'>;

/** Whether this can be trained here, before anything is written. Throws `invalid` by field, `withheld`, `unavailable` or `not_found`. */
export async function checkTraining(
  work: Checking,
  hello: EngineHello | null,
  request: TrainingRequest,
): Promise<CheckedTraining> {
  const viewer = mayTrain(work.viewer);
  if (!hello || !canTrain(hello)) throw new AppError('unavailable', 'There is no engine here that could train.');
  const { settings } = request;
  const dataset = await loadOwnDataset(work, request.datasetId);
  const items = await listItems(work, dataset.id);
  if (items.length === 0) throw new AppError('invalid', 'There is no picture in this set yet.');
  if (items.some(({ heldAt }) => heldAt != null)) {
    throw new AppError('withheld', 'A moderator has to look at a picture of this set first.');
  }
  const base = await findBase(work, viewer, hello, request.baseKey);
  if (!base) throw refusal({ base: 'Choose a checkpoint that this node offers.' });
  assertPossible(settings, hello, base);
  const estimate = await estimateTraining(work, hello, base.family, settings, items);
  if (estimate.steps > MAX_STEPS) {
    throw refusal({
      epochs: `That is ${estimate.steps.toLocaleString('en')} steps; a run has at most ${MAX_STEPS.toLocaleString('en')}. Take fewer epochs or repeats, or a larger batch.`,
    });
  }
  return { dataset, items, base, estimate, start: await findStart(work, viewer.id, request, base) };
}

function assertPossible(settings: TrainSettings, { caps }: EngineHello, { caps: family }: Base): void {
  const errors: Record<string, string> = {};
  const { label, min_size: least, max_size: most, size_step: step } = family;
  if (settings.resolution < least || settings.resolution > most)
    errors.resolution = `${label} is trained with ${least} to ${most} pixels.`;
  for (const side of ['w', 'h'] as const) {
    const size = settings.samples[side];
    if (size < least || size > most || size % step !== 0)
      errors[`samples_${side}`] = `${label} makes ${least} to ${most} pixels, in steps of ${step}.`;
  }
  if (caps.optimizers.length > 0 && !caps.optimizers.includes(settings.optimizer))
    errors.optimizer = 'The engine has no such optimizer.';
  if (settings.bucket.min > settings.bucket.max)
    errors.bucket_min = 'The shortest side of a bucket is not longer than the longest.';
  if (settings.cache_text && settings.te_lr > 0)
    errors.cache_text =
      'A text encoder that is trained cannot be kept as it was: set its learning rate to 0, or do not keep its answers.';
  if (settings.cache_text && (settings.shuffle_tags || settings.caption_dropout > 0)) {
    errors.cache_text =
      'Captions that change each time cannot be kept: switch shuffling and dropout off, or do not keep them.';
  }
  if (settings.unet_lr === 0 && settings.te_lr === 0)
    errors.unet_lr = 'With both learning rates at 0 nothing is learned.';
  if (Object.keys(errors).length > 0) throw refusal(errors);
}

async function findStart({ em }: Checking, ownerId: number, { startEpochId }: TrainingRequest, base: Base) {
  if (startEpochId === null) return null;
  const epoch = await em.findOne(TrainingEpoch, { id: startEpochId, run: { owner: ownerId } }, { populate: ['run'] });
  if (!epoch) throw new AppError('not_found', 'There is no such epoch.');
  const { base: before, name } = epoch.run.$;
  if (before.family !== base.family)
    throw refusal({ base: `That epoch was made for ${before.baseModel}, and does not fit this checkpoint.` });
  return { sha256: epoch.sha256, title: `${name}, ${epoch.number}`.slice(0, 200) };
}

const refusal = (fields: Record<string, string>) => new AppError('invalid', Object.values(fields)[0] ?? '', { fields });

/**
 * Freezes the set and puts the run into the queue, in one transaction. Throws as `checkTraining`, and `invalid` without
 * the statement of rights, `rate_limited` beyond what this account may use, `too_large` where the person's room is too small.
 */
export async function startTraining(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  trainer: Trainer,
  request: TrainingRequest,
  {
    rightsStatement,
    defaultQuotaBytes,
    rightsKind = 'own',
  }: { readonly rightsStatement: string | null; readonly rightsKind?: Rights; readonly defaultQuotaBytes: number },
): Promise<TrainingRun> {
  const { em, now } = work;
  const hello = await trainer.hello(work);
  const { dataset, items, base, estimate, start } = await checkTraining(work, hello, request);
  if (rightsStatement === null) {
    throw refusal({ rights: 'Confirm that you have the right to train on these pictures.' });
  }
  const ownerId = dataset.owner.id;
  const manifest = { items: await manifestItems(em, items) };
  const asked = {
    ...{ name: request.name, items: manifest.items, settings: request.settings },
    base: { ...fileOf(base), baseModel: base.baseModel, family: base.family },
  };
  const screening = await assertTraining(work, trainer.guard, mayTrain(work.viewer), asked);
  await assertQuota(em, ownerId, (await usedBytesOf(em, ownerId)) + estimate.diskBytes, defaultQuotaBytes);
  return em.transactional(async (tx) => {
    const run = tx.create(
      TrainingRun,
      {
        id: newId(),
        owner: tx.getReference(Account, ownerId),
        dataset: tx.getReference(Dataset, dataset.id),
        name: request.name,
        ...{ manifest, screening, rightsStatement, rightsKind, rightsAgreedAt: now() },
        base: asked.base,
        ...{ preset: request.preset, look: request.look, params: request.settings },
        ...{ startSha256: start?.sha256 ?? null, startTitle: start?.title ?? null },
        // the defaults of the table are not there before the row is, and what follows counts with them
        ...{ totalSteps: estimate.steps, segment: 0, stateStep: 0 },
        createdAt: now(),
      },
      { persist: true },
    );
    if (screening.hold === null) await trainer.enqueue(tx, work, mayTrain(work.viewer), run);
    else {
      run.state = 'held';
      await hold(tx, { kind: 'training', id: run.id, accountId: ownerId, reason: screening.hold }, now());
    }
    await tx.flush();
    return run;
  });
}

async function manifestItems(em: Work['em'], items: readonly DatasetItem[]): Promise<ManifestItem[]> {
  const hashes = items.flatMap(({ sha256, originalSha256 }) => [sha256, ...(originalSha256 ? [originalSha256] : [])]);
  const made = await madeHere(em, hashes);
  return items.map((item) => manifestItem(item, made.get(item.originalSha256 ?? '') ?? made.get(item.sha256) ?? null));
}

const manifestItem = (item: DatasetItem, generationId: string | null): ManifestItem => {
  const { id, sha256, caption, width, height, rotation, crop, repeats, origin, faceCount, originalSha256 } = item;
  return {
    ...{ itemId: id, sha256, caption, width, height, rotation, repeats },
    ...{ originalSha256: originalSha256 ?? null, captionSha256: captionHash(caption) },
    source: generationId === null ? { kind: 'upload' } : { kind: 'generated-here', generationId },
    crop: crop ?? null,
    notes: { origin, faceCount: faceCount ?? null, captionSubject: captionSubject(caption) },
  };
};
