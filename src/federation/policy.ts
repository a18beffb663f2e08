import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows } from '../kit/database/sql.ts';
import { defineSettings } from '../kit/settings.ts';
import type { Federation } from './deps.ts';

/** Whom this node speaks with. The owner edits it; `FEDERATION` on the machine decides which list counts. */
export const federationSettings = defineSettings(
  'federation',
  z.object({
    /** Hosts, in lower case, for `FEDERATION=allowlist`. */
    allowedHosts: z.array(z.string()).default([]),
    /** Hosts from which nothing is taken, and to which nothing is sent. */
    blockedHosts: z.array(z.string()).default([]),
  }),
);

/** True when the node speaks with this host at all: off, on the list, or not blocked. */
export async function isHostAllowed(
  { mode, settings }: Pick<Federation, 'mode' | 'settings'>,
  em: EntityManager,
  host: string,
): Promise<boolean> {
  if (mode === 'off') return false;
  const { allowedHosts, blockedHosts } = await settings.read(em, federationSettings);
  if (blockedHosts.some((blocked) => host === blocked || host.endsWith(`.${blocked}`))) return false;
  return mode === 'open' || allowedHosts.includes(host);
}

/** True for actors whose words have no effect here: their host, or they themselves, are not wanted. */
export async function isActorBlocked(
  federation: Pick<Federation, 'mode' | 'settings'>,
  em: EntityManager,
  actorUri: string,
): Promise<boolean> {
  if (!(await isHostAllowed(federation, em, new URL(actorUri).host))) return true;
  const [suspended] = await rows(em, `select 1 from account where uri = ? and state = 'suspended'`, [actorUri]);
  return suspended !== undefined;
}
