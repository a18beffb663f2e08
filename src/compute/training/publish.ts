import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { createModel } from '../../catalogue/create.ts';
import { deleteModel } from '../../catalogue/delete.ts';
import { saveVersion, VersionForm } from '../../catalogue/edit.ts';
import { recordMade } from '../../catalogue/lineage/made.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { publishVersion } from '../../catalogue/publish.ts';
import { addImage, MOST_IMAGES } from '../../gallery/images/add.ts';
import { createDraft, dropEmptyDraft } from '../../gallery/posts/draft.ts';
import { publishPost } from '../../gallery/posts/publish.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { RATINGS } from '../../safety/ratings.ts';
import { attachBlob, type MadeFile } from '../attach-blob.ts';
import type { DatasetDeps } from '../datasets/pages/deps.ts';
import { watchFirstOutputs } from '../gates/first-outputs.ts';
import { assertStanding, versionIdsOf } from '../standing.ts';
import { loraName } from './command.ts';
import { loadOwnEpoch } from './keep.ts';
import { type TrainingEpoch, type TrainingRun, TrainingSample } from './model.ts';
import { stepsOf } from './params.ts';

export const PublishForm = z.object({
  name: z.string().trim().min(1, 'Give the model a name.').max(120, 'A name has at most 120 characters.'),
  versionName: z.string().trim().min(1, 'Give the version a name.').max(80).default('v1.0'),
  description: z.string().max(20_000, 'A description has at most 20,000 characters.').default(''),
  rating: z.coerce.number().refine((level) => (RATINGS as readonly number[]).includes(level), 'Choose a rating.'),
  act: z.enum(['publish', 'draft']).default('draft'),
});

/**
 * An epoch becomes a version of a new model, with everything filled in: words, base, trigger, how it was trained, the
 * file, and its samples as pictures with their recipes. Published or left a draft as its owner says. Throws `conflict`
 * when it was published already, and what the catalogue refuses; then no half of it stays.
 */
export async function publishEpoch(
  work: Work,
  deps: DatasetDeps & { readonly allowedLevels: number },
  epochId: string,
  form: z.output<typeof PublishForm>,
): Promise<{ readonly versionId: number; readonly modelId: number }> {
  const epoch = await loadOwnEpoch(work, epochId);
  const run = epoch.run.$;
  // between the training and now somebody may have decided about its base
  await assertStanding(work.em, {
    ...{ accountId: run.owner.id, act: 'train' },
    versionIds: versionIdsOf([run.base]),
  });
  if (epoch.publishedVersion) throw new AppError('conflict', 'This epoch was published already.');
  if ((form.rating & deps.allowedLevels) === 0) {
    throw new AppError('invalid', 'This node does not take that rating.', {
      fields: { rating: 'This node does not take that rating.' },
    });
  }
  const fresh = (): Work => ({ ...work, em: work.em.fork() });
  const version = await createModel(fresh(), {
    type: 'LORA',
    baseModel: run.base.baseModel,
    versionName: form.versionName,
  });
  const modelId = version.model.id;
  try {
    if (run.screening?.isPersonLike) await watchFirstOutputs(fresh().em, version.id);
    await saveVersion(fresh(), version.id, VersionForm.parse(wordsOf(run, epoch, form)));
    await recordMade(fresh().em, version.id, [{ ...run.base, kind: 'trained_on_base', weight: null }]);
    await attachBlob(fresh(), deps, fileOfEpoch(run, epoch), version.id);
    if (form.act === 'publish') await publishVersion(fresh(), version.id);
  } catch (error) {
    await deleteModel(fresh(), modelId);
    throw error;
  }
  epoch.publishedVersion = work.em.getReference(ModelVersion, version.id, { wrapped: true });
  await work.em.flush();
  await showSamples(fresh, deps, run, epoch, version.id, form);
  return { versionId: version.id, modelId };
}

function wordsOf(run: TrainingRun, epoch: TrainingEpoch, form: z.output<typeof PublishForm>) {
  const { base, params } = run;
  return {
    ...{ name: form.name, type: 'LORA', description: form.description, level: String(form.rating) },
    ...{ versionName: form.versionName, baseModel: base.baseModel, trainedWords: params.trigger },
    ...{ allowNoCredit: '1', allowDerivatives: '1', allowDifferentLicense: '1', recommendedWeight: '1' },
    clipSkip: base.family === 'sd15' ? String(params.clip_skip) : '',
    settings: Object.entries(trainingFacts(run, epoch))
      .map(([key, value]) => `${key}: ${value}`)
      .join('\n'),
  };
}

/** How it was trained, for the version's table. */
function trainingFacts(
  { base, params, manifest, totalSteps }: TrainingRun,
  epoch: TrainingEpoch,
): Record<string, string | number> {
  const { shownPerEpoch } = stepsOf(manifest.items, params);
  return {
    'Trained on': base.title,
    Pictures: manifest.items.length,
    'Shown per epoch': shownPerEpoch,
    Epoch: `${epoch.number} of ${params.epochs}`,
    Steps: `${epoch.step} of ${totalSteps}`,
    Resolution: params.resolution,
    'Batch size': params.batch,
    'Rank / alpha': `${params.rank} / ${params.alpha}`,
    'Learning rate': params.unet_lr,
    ...(params.te_lr > 0 ? { 'Text encoder rate': params.te_lr } : {}),
    Optimizer: params.optimizer,
    Schedule: params.lr_schedule,
    Seed: params.seed,
  };
}

/** What the form proposes; its owner may change every word. */
export function proposedDescription(run: TrainingRun, epoch: TrainingEpoch): string {
  const facts = Object.entries(trainingFacts(run, epoch)).map(([key, value]) => `- ${key}: ${value}`);
  const trigger = run.params.trigger === '' ? [] : [`Trigger: \`${run.params.trigger.replaceAll('`', '')}\``, ''];
  return [...trigger, ...facts].join('\n');
}

const fileOfEpoch = (run: TrainingRun, { id, sha256, totalBytes, number }: TrainingEpoch): MadeFile => ({
  ...{ id, sha256, totalBytes },
  fileName: `${loraName(run.name)}-e${String(number).padStart(2, '0')}.safetensors`,
});

/** The samples of that epoch as a post of the version. It is public when the model is. */
async function showSamples(
  fresh: () => Work,
  limits: DatasetDeps,
  run: TrainingRun,
  { number }: TrainingEpoch,
  versionId: number,
  { rating, act, name }: z.output<typeof PublishForm>,
): Promise<void> {
  const work = fresh();
  const samples = await work.em.find(
    TrainingSample,
    { run, epoch: number },
    { orderBy: { promptIndex: 1 }, limit: MOST_IMAGES },
  );
  if (samples.length === 0) return;
  const post = await createDraft(fresh(), { versionId, title: name });
  const { samples: asked, clip_skip: clipSkip } = run.params;
  for (const sample of samples) {
    const source = work.files.localPath(sample.sha256) ?? (await buffer(work.files.open(sample.sha256)));
    const recipe = {
      ...{ tool: 'Tessera', version: limits.programVersion, prompt: asked.prompts[sample.promptIndex] ?? '' },
      ...(asked.negative ? { negativePrompt: asked.negative } : {}),
      ...{
        sampler: 'Euler',
        scheduler: 'Automatic',
        steps: asked.steps,
        cfgScale: asked.cfg,
        seed: String(sample.seed),
      },
      ...{
        width: sample.width,
        height: sample.height,
        modelName: run.base.name,
        modelHash: run.base.sha256.slice(0, 10),
      },
      ...(clipSkip > 1 ? { clipSkip } : {}),
      others: {},
    };
    const base = {
      ...{ kind: 'checkpoint' as const, name: run.base.name, hash: run.base.sha256 },
      ...(run.base.versionId === null ? {} : { versionId: run.base.versionId }),
    };
    try {
      await addImage(fresh(), limits, { postId: post.id, source, level: rating, made: { recipe, resources: [base] } });
    } catch (error) {
      // the same picture for two prompts, a damaged one, a full quota, one that is blocked: the model stands without it
      if (!(error instanceof AppError) || !['conflict', 'too_large', 'invalid', 'withheld'].includes(error.kind))
        throw error;
    }
  }
  await dropEmptyDraft(fresh(), post.id);
  if (act === 'publish') await publishPost(fresh(), post.id).catch(ignoreEmpty);
}

function ignoreEmpty(error: unknown): void {
  if (!(error instanceof AppError) || error.kind !== 'not_found') throw error;
}
