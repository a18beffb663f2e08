import { z } from 'zod';
import { defineEvent } from '../../kit/events/events.ts';
import type { QueueDecision } from './model.ts';

/** Something was taken from somebody, and they are told why. */
export const restrictionDecided = defineEvent('moderation.restriction-decided', z.object({ decisionId: z.string() }));

/** Somebody reported a thing, for the first time. */
export const reportFiled = defineEvent('report.filed', z.object({ reportId: z.string() }));
/** A claim is written down. */
export const caseOpened = defineEvent('case.opened', z.object({ caseId: z.string() }));

/** Choices that leave its owner as they were. */
export const MILD_CHOICES = ['dismiss', 'release', 'acknowledge', 'uphold', 'overturn'] as const;
const MILD: ReadonlySet<string> = new Set(MILD_CHOICES);

export const isRestriction = ({ choice, hasStrike }: Pick<QueueDecision, 'choice' | 'hasStrike'>): boolean =>
  !MILD.has(choice) || hasStrike;
