import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { LANES } from '../define.ts';
import { JOB_CLASSES } from './decide.ts';

/** What a lane that people share remembers between two claims; whoever claims holds its row. */
export const FairLane = defineEntity({
  name: 'FairLane',
  properties: {
    lane: p.enum([...LANES]).primary(),
    clock: p.bigint('number').default(0),
    owedSeconds: p.float().default(0),
    /** Of the time in which both classes wait. */
    interactivePart: p.float().default(0.5),
    /** Null while it gives work out. */
    pausedAt: p.datetime().length(3).nullable(),
    /** Machines that work on it at the moment, over all processes. */
    servers: p.integer().default(1),
  },
});
export interface FairLane extends InferEntity<typeof FairLane> {}

/** The place of somebody in the ring of a lane; see `decide.ts`. */
export const FairShare = defineEntity({
  name: 'FairShare',
  properties: {
    lane: p.enum([...LANES]).primary(),
    jobClass: p.enum([...JOB_CLASSES]).primary(),
    key: p.string().length(255).primary(),
    deficitSeconds: p.float().default(0),
    turn: p.bigint('number').default(0),
    changedAt: p.datetime().length(3),
  },
});
export interface FairShare extends InferEntity<typeof FairShare> {}
