import type { EntityManager } from '@mikro-orm/core';
import { fromJson, rows, toDateOrNull } from '../../kit/database/sql.ts';
import type { EngineHello } from '../engine/protocol.ts';
import { GONE_AFTER_MS } from '../gpu/registry.ts';
import type { RunnerDevice } from './protocol.ts';

/** A process that drives runners and said nothing for that long has died. */
const DRIVER_GONE_MS = 20_000;

export interface Adopted {
  readonly id: string;
  readonly name: string;
  readonly isDrained: boolean;
  readonly devices: readonly RunnerDevice[];
}

interface Row {
  id: string;
  name: string;
  devices: unknown;
  drained_at: unknown;
}

/**
 * The runners that are there and that this process gives work to: each is one process's, so that two do not fill the
 * same place. `isAny` says whether the owner has runners at all, here or away.
 */
export async function adoptRunners(
  em: EntityManager,
  driver: string,
  now: Date,
): Promise<{ readonly isAny: boolean; readonly adopted: readonly Adopted[] }> {
  const known = await rows<{ id: string; seen_at: unknown }>(
    em,
    'select id, seen_at from runner where revoked_at is null',
  );
  const there = known.filter(({ seen_at: at }) => now.getTime() - (toDateOrNull(at)?.getTime() ?? 0) < GONE_AFTER_MS);
  const adopted: Adopted[] = [];
  for (const { id } of there) {
    const [row] = await rows<Row>(
      em,
      `update runner set driver = ?, driver_seen_at = ? where id = ? and revoked_at is null
         and (driver is null or driver = ? or driver_seen_at < ?)
       returning id, name, cast(devices as text) as devices, drained_at`,
      [driver, now, id, driver, new Date(now.getTime() - DRIVER_GONE_MS)],
    );
    if (!row) continue;
    const devices = fromJson<RunnerDevice[]>(row.devices) ?? [];
    adopted.push({ id, name: row.name, isDrained: row.drained_at != null, devices });
  }
  return { isAny: known.length > 0, adopted };
}

/** So that another process need not wait until this one counts as dead. */
export async function leaveRunners(em: EntityManager, driver: string): Promise<void> {
  await rows(em, 'update runner set driver = null where driver = ? returning id', [driver]);
}

/** Its beat may be late by a wait for work and a reconnection. */
const LATELY_MS = 120_000;

/** What is not given to runners, though their engines could (drive.ts). */
const AT_HOME = ['caption', 'merge'];

/** What an engine of a runner that was there lately said; null without one. */
export async function findRunnerHello(em: EntityManager, now: Date): Promise<EngineHello | null> {
  const [row] = await rows<{ devices: unknown }>(
    em,
    `select cast(devices as text) as devices from runner where revoked_at is null and seen_at > ? order by created_at limit 1`,
    [new Date(now.getTime() - LATELY_MS)],
  );
  const hello = fromJson<RunnerDevice[]>(row?.devices)?.[0]?.hello;
  if (!hello) return null;
  const tasks = hello.caps.tasks.filter((task) => !AT_HOME.includes(task));
  return { ...hello, caps: { ...hello.caps, tasks } };
}
