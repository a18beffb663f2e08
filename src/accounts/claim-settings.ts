import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { defineSettings, type Settings } from '../kit/settings.ts';
import { nodeSettings } from './node-settings.ts';

/** To whom claims go, and by which calendar they run (spec/takedowns.md 2.1). */
export const claimSettings = defineSettings(
  'claims',
  z.object({
    /** An address where claimants reach a person; the node's own contact counts while this is empty. */
    contact: z.string().default(''),
    /** Name and address of the agent for copyright notices, as registered. */
    agent: z.string().default(''),
    /** Whom people write to about intimate pictures. */
    ncii: z.string().default(''),
    jurisdiction: z.string().default(''),
    /** IANA name. */
    timeZone: z.string().default('UTC'),
    /** ISO days that are no business days. */
    holidays: z.array(z.string()).default([]),
  }),
);

/** While nobody can be reached, strangers cannot join: they would publish on a node that takes no complaint. */
export async function hasContact(em: EntityManager, settings: Settings): Promise<boolean> {
  const { contact } = await settings.read(em, claimSettings);
  return contact !== '' || (await settings.read(em, nodeSettings)).contact !== '';
}
