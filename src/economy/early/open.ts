import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { modelUpdated } from '../../catalogue/events.ts';
import { rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { listHeld, payPledges, refundPledge } from '../pledges/pledge.ts';
import { type Early, findEarly, listNotOpen } from './early.ts';

export const openEarlyJob = defineJob({
  name: 'economy.open-early',
  lane: 'clock',
  payload: z.object({ versionId: z.int() }),
  attempts: 10,
  run: (work, { versionId }) => openEarly(work, versionId),
});

export const earlySubject = (versionId: number) => ({ kind: 'early-access' as const, id: String(versionId) });

/**
 * The row of a version that is early, locked: who pays, who opens it and who gives back come one after the other. False
 * when it is open already.
 */
export async function lockEarly(tx: EntityManager, versionId: number): Promise<boolean> {
  const found = await rows(
    tx,
    'update early_access set price = price where version_id = ? and ended_at is null returning version_id',
    [versionId],
  );
  return found.length > 0;
}

/** Its time has come: what was put aside goes to the maker, and whoever keeps copies of this fact hears. */
async function openEarly({ em, now }: Pick<Work, 'em' | 'now'>, versionId: number): Promise<void> {
  const at = now();
  const isOver = await em.fork().transactional(async (tx) => {
    if (!(await lockEarly(tx, versionId))) return true;
    const early = await findEarly(tx, versionId);
    // it was put off meanwhile, and another job comes then
    if (!early?.terms || early.terms.endsAt > at) return false;
    await rows(tx, 'update early_access set ended_at = ? where version_id = ? returning version_id', [at, versionId]);
    const held = await listHeld(tx, earlySubject(versionId));
    if (early.isAvailable) {
      const key = `early-paid:${versionId}:${held[0]?.id ?? ''}`;
      await payPledges(
        tx,
        held.map(({ id }) => id),
        early.ownerId,
        key,
        at,
      );
    }
    if (early.state === 'published') record(tx, modelUpdated, { modelId: early.modelId });
    await tx.flush();
    return true;
  });
  if (!isOver) return;
  const early = await findEarly(em, versionId);
  if (early) await giveBack(em, early, at);
}

/** After what may have taken a version out of reach: of a model, or of all that somebody made. */
export const returnEarlyJob = defineJob({
  name: 'economy.return-early',
  lane: 'clock',
  payload: z.object({ kind: z.enum(['version', 'model', 'account']), id: z.int() }),
  attempts: 10,
  run: async ({ em, now }, { kind, id }) => {
    const by = { version: 'v.id', model: 'm.id', account: 'm.owner_id' } as const;
    for (const early of await listNotOpen(em, by[kind], id)) {
      if (!early.isAvailable) await giveBack(em, early, now());
    }
  },
});

/** Who paid for what cannot be had gets it back, and pays again if it returns. Again is harmless. */
async function giveBack(em: EntityManager, { versionId }: Early, at: Date): Promise<void> {
  for (const { id } of await listHeld(em, earlySubject(versionId))) {
    await em.fork().transactional(async (tx) => {
      await refundPledge(tx, id, at);
      await rows(
        tx,
        `update entitlement set ended_at = ? where source = 'early-access' and source_id = ? returning id`,
        [...[at, id]],
      );
    });
  }
}
