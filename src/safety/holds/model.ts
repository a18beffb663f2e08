import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

export const HOLD_KINDS = [
  ...(['generation', 'training', 'account', 'bounty', 'image'] as const),
  ...(['model', 'post', 'collection', 'comment', 'review', 'entry'] as const),
] as const;
export type HoldKind = (typeof HOLD_KINDS)[number];

/** What waits for a person to look at it. The thing itself asks `findHold` before it goes on. */
export const SafetyHold = defineEntity({
  name: 'SafetyHold',
  indexes: [{ properties: ['kind', 'targetId'] }, { properties: ['state', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    kind: p.enum([...HOLD_KINDS]),
    targetId: p.string().length(36),
    /** Whose it is. */
    account: () => p.manyToOne(Account).ref(),
    /** A key of the message catalogue under `safety.reason.`. */
    reason: p.string().length(60),
    state: p.enum(['held', 'released', 'refused']).default('held'),
    createdAt: p.datetime(),
    decidedAt: p.datetime().nullable(),
    decidedBy: () => p.manyToOne(Account).ref().nullable(),
  },
});
export interface SafetyHold extends InferEntity<typeof SafetyHold> {}
