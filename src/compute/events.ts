import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

/** Pictures were made, and somebody paid for them. */
export const generationPaid = defineEvent('generation.paid', z.object({ generationId: z.string() }));

/** It came to its end: its pictures are there, or why there are none. What somebody cancelled tells nobody. */
export const generationEnded = defineEvent(
  'generation.ended',
  z.object({ generationId: z.string(), isDone: z.boolean() }),
);
export const mergeEnded = defineEvent('merge.ended', z.object({ mergeId: z.string(), isDone: z.boolean() }));
export const trainingEnded = defineEvent('training.ended', z.object({ runId: z.string(), isDone: z.boolean() }));
