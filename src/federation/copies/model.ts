import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';

export const COPY_STATES = ['waiting', 'fetching', 'kept', 'failed', 'refused'] as const;

/**
 * A peer's file that this node keeps, or is fetching, so that its engine can use it. The file's own row says whether the
 * bytes are here (`isStored`); this one says why, for whom, and what went wrong. It outlives that row by a moment, because
 * it names the bytes that have to go when the peer takes the file back.
 */
export const FileCopy = defineEntity({
  name: 'FileCopy',
  properties: {
    /** A ModelFile id; no foreign key. */
    fileId: p.integer().primary().autoincrement(false),
    /** SHA-256 as the peer told it. Not a reason to keep the bytes: that is the file's row. */
    digest: p.string().length(64),
    /** `refused`: the bytes were not what the peer had promised, or harmful; nothing of them was kept. */
    state: p.enum([...COPY_STATES]).default('waiting'),
    /** Why it failed or was refused, for people. */
    reason: p.string().length(300).default(''),
    /** Null when a rule asked for it. */
    requestedBy: () => p.manyToOne(Account).ref().nullable().deleteRule('set null'),
    /** The job that fetches it. */
    jobId: p.uuid().nullable(),
    createdAt: p.datetime(),
    keptAt: p.datetime().nullable(),
  },
});
export interface FileCopy extends InferEntity<typeof FileCopy> {}
