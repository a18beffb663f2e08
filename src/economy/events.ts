import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

/** Somebody thanked somebody. */
export const tipSent = defineEvent(
  'tip.sent',
  z.object({
    /** Of the act in the ledger. */
    key: z.string(),
    senderId: z.int(),
    recipientId: z.int(),
    kind: z.enum(['image', 'model', 'account']),
    targetId: z.int(),
    amount: z.int(),
  }),
);
