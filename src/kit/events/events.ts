import type { EntityManager } from '@mikro-orm/core';
import type { z } from 'zod';
import { newId } from '../ids.ts';
import { RecordedEvent } from './model.ts';

export interface EventDefinition<Payload extends z.ZodType = z.ZodType> {
  readonly name: string;
  /** Ids, as JSON. */
  readonly payload: Payload;
}

/** A thing that happens in one room and that others may care about; the name is in the past, `version.published`. */
export function defineEvent<Payload extends z.ZodType>(name: string, payload: Payload): EventDefinition<Payload> {
  return { name, payload };
}

/** Writes that it happened into what `em` flushes next. What follows from it stands in `wiring.ts`. */
export function record<Payload extends z.ZodType>(
  em: EntityManager,
  event: EventDefinition<Payload>,
  payload: z.input<Payload>,
): void {
  em.create(
    RecordedEvent,
    { id: newId(), name: event.name, payload: event.payload.parse(payload), recordedAt: new Date(), relayedAt: null },
    { persist: true },
  );
}
