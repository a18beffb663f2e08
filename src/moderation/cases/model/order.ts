import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** What an authority ordered, beside the case that staff filed for it. */
export const AuthorityOrder = defineEntity({
  name: 'AuthorityOrder',
  indexes: [{ properties: ['receivedAt'] }],
  properties: {
    caseId: p.uuid().primary(),
    authority: p.string().length(200),
    /** Its file number. */
    reference: p.string().length(200),
    receivedAt: p.datetime(),
  },
});
export interface AuthorityOrder extends InferEntity<typeof AuthorityOrder> {}
