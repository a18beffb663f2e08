import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { ModelFile } from '../../catalogue/model.ts';

export const COPY_STATES = ['waiting', 'fetching', 'kept', 'failed', 'refused'] as const;

/**
 * A peer's file that this node keeps, or is fetching, so that its engine can use it. The file's own row says whether the
 * bytes are here (`isStored`); this one says why, for whom, and what went wrong. It goes with the file.
 */
export const FileCopy = defineEntity({
  name: 'FileCopy',
  properties: {
    file: () => p.oneToOne(ModelFile).ref().primary().owner().deleteRule('cascade'),
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
