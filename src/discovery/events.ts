import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

/** Something new fits what somebody saved; once for each look, however much it is. */
export const savedSearchMatched = defineEvent(
  'saved-search.matched',
  z.object({ searchId: z.uuid(), accountId: z.int(), count: z.int() }),
);
