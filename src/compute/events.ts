import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

/** Pictures were made, and somebody paid for them. */
export const generationPaid = defineEvent('generation.paid', z.object({ generationId: z.string() }));
