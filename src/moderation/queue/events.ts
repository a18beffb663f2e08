import { z } from 'zod';
import { defineEvent } from '../../kit/events/events.ts';
import type { QueueDecision } from './model.ts';

/** Something was taken from somebody, and they are told why. */
export const restrictionDecided = defineEvent('moderation.restriction-decided', z.object({ decisionId: z.string() }));

/** Choices that leave its owner as they were. */
const MILD: ReadonlySet<string> = new Set(['dismiss', 'release', 'acknowledge', 'uphold', 'overturn']);

export const isRestriction = ({ choice, hasStrike }: Pick<QueueDecision, 'choice' | 'hasStrike'>): boolean =>
  !MILD.has(choice) || hasStrike;
