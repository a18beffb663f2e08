import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { defineSettings, Settings } from '../settings.ts';

/** What the last walk along the chain found. */
export const auditState = defineSettings(
  'audit-state',
  z.object({
    checkedAt: z.string().default(''),
    isWhole: z.boolean().default(true),
    entryCount: z.int().default(0),
    erasedCount: z.int().default(0),
    faults: z.array(z.string()).default([]),
  }),
);
export type AuditState = z.output<typeof auditState.schema>;

/** Whether the pages of staff must say that somebody changed the log: as it is now, in whichever process. */
export const isAuditBroken = async (em: EntityManager): Promise<boolean> =>
  !(await new Settings().read(em, auditState)).isWhole;
