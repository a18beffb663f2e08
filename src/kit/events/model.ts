import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** What happened, written in the transaction of the change; the relay turns it into jobs. */
export const RecordedEvent = defineEntity({
  name: 'RecordedEvent',
  indexes: [{ properties: ['relayedAt', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    /** `thing.happened`, for example `version.published`. */
    name: p.string().length(80),
    payload: p.json<unknown>(),
    recordedAt: p.datetime().length(3),
    /** Null until its jobs are written. */
    relayedAt: p.datetime().length(3).nullable(),
  },
});
export interface RecordedEvent extends InferEntity<typeof RecordedEvent> {}
