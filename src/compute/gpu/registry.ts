import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { tuneLane } from '../../kit/queue/fair/state.ts';
import type { Pool } from './pool.ts';

/** An engine that said nothing for that long is gone with its process. */
export const GONE_AFTER_MS = 30_000;

/** Writes how the engines are, and does what the owner asked for meanwhile. */
export async function report(em: EntityManager, pool: Pool, now: Date): Promise<void> {
  for (const seat of pool.seats) {
    // where a runner does the work, an engine that is not here is nothing to speak of
    if (seat.isAbsent && pool.hasRunners) continue;
    const { engine, device, jobId, model, id } = seat;
    const { crashes, lastCrash } = engine.health;
    const its = engine.hello?.device;
    const [row] = await rows<{ reset_requested_at: unknown; drained_at: unknown }>(
      em,
      `insert into gpu_engine (id, device, kind, device_name, vram_total_mb, vram_mb, state, crashes, last_crash, job_id,
         model, seen_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (id) do update set kind = excluded.kind, device_name = excluded.device_name,
         vram_total_mb = excluded.vram_total_mb, vram_mb = excluded.vram_mb, state = excluded.state,
         crashes = excluded.crashes, last_crash = excluded.last_crash, job_id = excluded.job_id,
         model = excluded.model, seen_at = excluded.seen_at
       returning reset_requested_at, drained_at`,
      [
        ...[id, device, its?.kind ?? '', (its?.name ?? '').slice(0, 120)],
        ...[Math.round(its?.vram_total ?? 0), Math.round(seat.vramMb), engine.state, crashes],
        ...[lastCrash?.slice(0, 300) ?? null, jobId, model, now],
      ],
    );
    seat.isDrained = row?.drained_at != null;
    if (row?.reset_requested_at != null) {
      await rows(em, 'update gpu_engine set reset_requested_at = null where id = ? returning id', [id]);
      void seat.reset();
    }
  }
  const [all] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from gpu_engine where seen_at > ? and drained_at is null and state not in ('broken', 'probing')`,
    [new Date(now.getTime() - GONE_AFTER_MS)],
  );
  const [lane] = await rows<{ servers: number }>(em, `select servers from fair_lane where lane = 'gpu'`);
  const servers = toNumber(all?.n);
  if (lane?.servers !== servers) await tuneLane(em, 'gpu', { servers });
}
