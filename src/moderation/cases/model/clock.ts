import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const CLOCKS = [
  ...(['expire', 'lapse', 'window', 'page', 'run_out', 'agree', 'counter_alarm', 'counter_restore'] as const),
  ...(['settle', 'forget_source', 'erase_claimant', 'redact'] as const),
] as const;
export type ClockKind = (typeof CLOCKS)[number];

/** One deadline of a case: an absolute time in UTC, computed once. A case has each kind once. */
export const CaseClock = defineEntity({
  name: 'CaseClock',
  indexes: [{ properties: ['firedAt', 'dueAt'] }],
  properties: {
    caseId: p.uuid().primary(),
    kind: p.enum([...CLOCKS]).primary(),
    dueAt: p.datetime(),
    firedAt: p.datetime().nullable(),
  },
});
export interface CaseClock extends InferEntity<typeof CaseClock> {}
