import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** The first of the two people that an act needs (spec/takedowns.md 2.3, transition 11); gone when the second agreed. */
export const Approval = defineEntity({
  name: 'Approval',
  properties: {
    /** `case.dismiss`, `account.terminate` and the like. */
    act: p.string().length(40).primary(),
    subjectId: p.string().length(120).primary(),
    accountId: p.integer(),
    approvedAt: p.datetime(),
  },
});
export interface Approval extends InferEntity<typeof Approval> {}
