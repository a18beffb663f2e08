import { z } from 'zod';
import { defineSettings } from '../../kit/settings.ts';

/** What the owner of the node allows those who train (spec/engine.md 5). */
export const trainingSettings = defineSettings(
  'compute.training',
  z.object({
    maxImages: z.int().min(1).max(1_000).default(200),
    maxMegabytes: z.int().min(1).max(10_000).default(200),
    maxDatasets: z.int().min(1).max(1_000).default(20),
    /** What the three looks stand for: the key of a checkpoint that is offered, or ''. */
    standardBase: z.string().max(64).default(''),
    animeBase: z.string().max(64).default(''),
    realisticBase: z.string().max(64).default(''),
  }),
);
export type TrainingLimits = z.output<typeof trainingSettings.schema>;

/** Pixels of a picture that is taken: what is trained on is far smaller. */
export const MOST_PIXELS = 50_000_000;
export const MOST_CAPTION_CHARS = 2_000;
