import { z } from 'zod';
import { defineSettings } from '../kit/settings.ts';

const whole = (fallback: number, low: number, high: number) => z.int().min(low).max(high).default(fallback);

/** How careful the node is with what people generate and train (spec/guardrails.md 3.2 to 3.5). */
export const guardSettings = defineSettings(
  'safety.guard',
  z.object({
    /** So many refusals for the safety of children within 30 days stop an account until somebody looks at it. */
    refusalsBeforeFreeze: whole(3, 1, 100),
    /** An account is new for so long. */
    newAccountDays: whole(7, 0, 365),
    /** More photographs than this part of a set, and a person looks at all of it. */
    photoPercent: whole(50, 0, 100),
    /** A risk from which some pictures of a set are looked at, 0 to 100. */
    sampleReviewRisk: whole(30, 1, 100),
  }),
);
