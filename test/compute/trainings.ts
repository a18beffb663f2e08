import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import { Account } from '../../src/accounts/model.ts';
import { Dataset, DatasetItem } from '../../src/compute/datasets/model.ts';
import { TrainingEpoch, type TrainingRun } from '../../src/compute/training/model.ts';
import { TrainSettings } from '../../src/compute/training/params.ts';
import { startTraining } from '../../src/compute/training/start.ts';
import { newId } from '../../src/kit/ids.ts';
import type { Work } from '../../src/kit/work.ts';
import type { Node } from '../../src/node.ts';
import { until } from '../kit/queue-setup.ts';

export interface FakeTraining {
  readonly steps: number;
  readonly epochs?: number;
  /** What the fake engine does with it: its docstring says the words. */
  readonly what?: string;
  readonly name?: string;
}

/** A training of one picture, waiting in the queue, by whoever `work` belongs to. */
export async function givenTraining(
  { trainer, files }: Pick<Node, 'trainer' | 'files'>,
  work: Work,
  baseKey: string,
  { steps, epochs = 2, what = 'fine', name = 'My style' }: FakeTraining,
): Promise<TrainingRun> {
  const datasetId = await givenDataset(files, work);
  // between two jobs an engine may be on its way up
  await until('an engine says what it can', async () => (await trainer.hello(work)) !== null, 30_000);
  return startTraining(
    work,
    trainer,
    {
      ...{ datasetId, name, baseKey, preset: 'style', look: 'standard', startEpochId: null },
      settings: TrainSettings.parse({
        ...{ trigger: what, caption_mode: 'tags', resolution: 32, repeats: 1_000, epochs, max_steps: steps, batch: 1 },
        ...{ rank: 4, alpha: 4, unet_lr: 1e-3, te_lr: 0, optimizer: 'adamw', lr_schedule: 'constant' },
        ...{ min_snr_gamma: 0, noise_offset: 0, shuffle_tags: false, keep_tokens: 0, clip_skip: 1, seed: 1 },
        ...{ bucket: {}, samples: { prompts: ['a circle'], w: 32, h: 32 }, save: {} },
      }),
    },
    { rightsStatement: 'I made these pictures.', defaultQuotaBytes: 1e12 },
  );
}

async function givenDataset(files: Node['files'], { em, viewer, now }: Work): Promise<string> {
  const bytes = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#a33' } })
    .png()
    .toBuffer();
  const { sha256, totalBytes } = await files.put(bytes);
  const owner = em.getReference(Account, viewer?.id ?? 0);
  const times = { createdAt: now(), updatedAt: now() };
  const dataset = em.create(Dataset, { id: newId(), owner, name: 'Tiles', ...times }, { persist: true });
  em.create(
    DatasetItem,
    {
      ...{ id: newId(), dataset, position: 0, fileName: 'a.png', sha256, totalBytes, mediaType: 'image/png' },
      ...{ width: 32, height: 32, likeness: '0'.repeat(16), caption: 'a circle', createdAt: now() },
    },
    { persist: true },
  );
  await em.flush();
  return dataset.id;
}

/** The steps that made the LoRA of the last epoch, as the fake engine writes them into its header. */
export async function stepsThatMade({ files, orm }: Pick<Node, 'files' | 'orm'>, runId: string): Promise<number[]> {
  const epochs = await orm.em.fork().find(TrainingEpoch, { run: runId }, { orderBy: { number: 1 } });
  const last = epochs.at(-1);
  if (!last) return [];
  const file = await text(files.open(last.sha256));
  const said = /"steps": ?"(\[[^\]]*\])"/.exec(file)?.[1];
  return said ? (JSON.parse(said) as number[]) : [];
}
