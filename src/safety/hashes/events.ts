import { z } from 'zod';
import { defineEvent } from '../../kit/events/events.ts';
import { DOORS } from './doors.ts';
import { BLOCK_CATEGORIES, VERDICTS } from './model.ts';

/** A block was added: what is here already has to be looked through. */
export const blockAdded = defineEvent('safety.block-added', z.object({ blockId: z.string() }));

/** Something came to a door that a block knows; the row of HashHit says the same. */
export const hashHit = defineEvent(
  'safety.hash-hit',
  z.object({
    hitId: z.string(),
    blockId: z.string(),
    category: z.enum(BLOCK_CATEGORIES),
    isSevere: z.boolean(),
    door: z.enum(DOORS),
    accountId: z.int().nullable(),
    targetKind: z.string().nullable(),
    targetId: z.string().nullable(),
    digest: z.string(),
    distance: z.int().nullable(),
    verdict: z.enum(VERDICTS),
  }),
);
