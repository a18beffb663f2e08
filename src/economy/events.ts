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

/** An entry of a bounty is there for those who see the bounty: as it was made, or once somebody looked at it. */
export const bountyEntered = defineEvent('bounty.entered', z.object({ entryId: z.uuid() }));
/** An entry was given a share of the pot. */
export const entryAwarded = defineEvent('bounty.awarded', z.object({ entryId: z.uuid(), amount: z.int() }));

/** Somebody asks for a licence, or bought one. */
export const licenceTaken = defineEvent('licence.taken', z.object({ grantId: z.uuid() }));
/** Whoever offers it takes it back. */
export const licenceRevoked = defineEvent('licence.revoked', z.object({ grantId: z.uuid() }));
/** Whoever offers it said yes or no. */
export const licenceDecided = defineEvent('licence.decided', z.object({ grantId: z.uuid() }));
