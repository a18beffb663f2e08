import type { EntityManager } from '@mikro-orm/core';
import { dialectOf, fromJson, inList, rows } from '../database/sql.ts';
import { enqueueJob } from '../queue/enqueue.ts';
import type { Wiring } from './wiring.ts';

const BATCH = 100;

/**
 * Turns recorded events into jobs, oldest first, and returns how many events it took. The jobs and the mark on the event
 * are one transaction, so each event has its jobs once, however often and wherever this runs.
 */
export async function relayEvents(fork: () => EntityManager, wiring: Wiring, now: () => Date): Promise<number> {
  let taken = 0;
  for (;;) {
    const batch = await relayBatch(fork(), wiring, now());
    taken += batch;
    if (batch < BATCH) return taken;
  }
}

async function relayBatch(em: EntityManager, wiring: Wiring, now: Date): Promise<number> {
  const waiting = 'select id, name, cast(payload as text) as payload from recorded_event where relayed_at is null';
  const some = await rows(em, `${waiting} limit 1`);
  if (some.length === 0) return 0; // so that looking does not lock the database
  return em.transactional(async (inner) => {
    const lock = dialectOf(inner) === 'postgresql' ? ' for update skip locked' : '';
    const events = await rows<{ id: string; name: string; payload: unknown }>(
      inner,
      `${waiting} order by id limit ${BATCH}${lock}`,
    );
    for (const { name, payload } of events) {
      const said = fromJson<unknown>(payload);
      for (const { event, job, map, options } of wiring) {
        if (event !== name) continue;
        const mapped = map(said);
        if (mapped !== null) enqueueJob(inner, job, mapped, options(said), now);
      }
    }
    if (events.length === 0) return 0; // another took them meanwhile
    const ids = events.map(({ id }) => id);
    await rows(inner, `update recorded_event set relayed_at = ? where id in (${inList(ids)})`, [now, ...ids]);
    return events.length;
  });
}

/** Forgets events whose jobs were written long ago. Returns how many. */
export async function pruneEvents(em: EntityManager, before: Date): Promise<number> {
  const gone = await rows(em, 'delete from recorded_event where relayed_at < ? returning id', [before]);
  return gone.length;
}
