import type { z } from 'zod';
import type { JobDefinition } from '../queue/define.ts';
import type { EnqueueOptions } from '../queue/jobs.ts';
import type { EventDefinition } from './events.ts';

/** After this event, that job. */
export interface Consequence {
  readonly event: string;
  readonly job: JobDefinition;
  /** The payload of the job, made of the event's; null when nothing follows this time. */
  readonly map: (payload: unknown) => unknown;
  readonly options: (payload: unknown) => EnqueueOptions;
}

/** The table of consequences. */
export type Wiring = readonly Consequence[];

/** One line of `wiring.ts`. Without `map`, the job gets what the event carries. */
export function on<Event extends z.ZodType, Payload extends z.ZodType>(
  event: EventDefinition<Event>,
  job: JobDefinition<Payload>,
  map: (payload: z.output<Event>) => z.input<Payload> | null = (payload) => payload as z.input<Payload>,
  options: (payload: z.output<Event>) => EnqueueOptions = () => ({}),
): Consequence {
  return {
    event: event.name,
    job,
    map: (payload) => map(event.payload.parse(payload)),
    options: (payload) => options(event.payload.parse(payload)),
  };
}
