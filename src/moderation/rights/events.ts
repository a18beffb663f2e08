import { z } from 'zod';
import { defineEvent } from '../../kit/events/events.ts';

const Payload = z.object({ grantId: z.uuid() });

/** Somebody asks a rights holder for a licence, or bought one. */
export const rightsAsked = defineEvent('rights.asked', Payload);
/** The rights holder said yes or no. */
export const rightsDecided = defineEvent('rights.decided', Payload);
/** The rights holder takes a licence back: it ends when its notice is over. */
export const rightsRevoked = defineEvent('rights.revoked', Payload);
