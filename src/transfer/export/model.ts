import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

const EXPORT_STATES = ['making', 'ready', 'failed'] as const;

/**
 * All of an account as one archive, for a week. Only its documents are bytes of their own; models and pictures stay where
 * they lie and are not kept because of it: what goes meanwhile is not in it any more.
 */
export const AccountExport = defineEntity({
  name: 'AccountExport',
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().unique(),
    state: p.enum([...EXPORT_STATES]).default('making'),
    jobId: p.uuid().nullable(),
    /** The documents, one after the other. */
    documentsSha256: p.string().length(64).nullable(),
    /** JSON: what stands in the archive, in order; see layout.ts. */
    layoutSha256: p.string().length(64).nullable(),
    totalBytes: p.bigint('number').default(0),
    entryCount: p.integer().default(0),
    leftOut: p.json<string[]>().onCreate(() => []),
    /** Why it failed, for its owner. */
    message: p.string().length(600).nullable(),
    createdAt: p.datetime(),
    finishedAt: p.datetime().nullable(),
    expiresAt: p.datetime(),
  },
});
export interface AccountExport extends InferEntity<typeof AccountExport> {}
