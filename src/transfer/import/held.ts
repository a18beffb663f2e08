import type { EntityManager } from '@mikro-orm/core';
import { type HoldKind, SafetyHold } from '../../safety/holds/model.ts';

/** Somebody looks at it first: it is here, and nobody sees it yet. */
export const isHeld = async (em: EntityManager, kind: HoldKind, id: number | string): Promise<boolean> =>
  (await em.fork().count(SafetyHold, { kind, targetId: String(id), state: 'held' })) > 0;
