import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

/** What was answered to a request that named itself, for a day: sent again, it is answered and not done again. */
export const ApiOnce = defineEntity({
  name: 'ApiOnce',
  uniques: [{ properties: ['account', 'key'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    key: p.string().length(200),
    /** SHA-256 of the operation and all that was given to it. */
    fingerprint: p.string().length(64),
    /** Null while it is being done. */
    status: p.smallint().nullable(),
    answer: p.json<unknown>().nullable(),
    createdAt: p.datetime(),
  },
});
export interface ApiOnce extends InferEntity<typeof ApiOnce> {}
