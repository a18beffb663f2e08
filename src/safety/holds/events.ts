import { z } from 'zod';
import { defineEvent } from '../../kit/events/events.ts';
import { HOLD_KINDS } from './model.ts';

const thing = z.object({ kind: z.enum(HOLD_KINDS), id: z.string() });

/** Somebody has to look at it before it goes on. */
export const safetyHeld = defineEvent('safety.held', thing.extend({ reason: z.string() }));
/** Somebody did. */
export const safetyDecided = defineEvent('safety.decided', thing.extend({ outcome: z.enum(['released', 'refused']) }));
