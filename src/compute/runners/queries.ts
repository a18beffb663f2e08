import { fromJson, rows, toDateOrNull } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { GONE_AFTER_MS } from '../gpu/registry.ts';
import type { RunnerDevice } from './protocol.ts';

export interface RunnerView {
  readonly id: string;
  readonly name: string;
  /** `new`: it never dialled in. */
  readonly state: 'new' | 'there' | 'away';
  readonly health: 'good' | 'warn' | '';
  readonly isDrained: boolean;
  readonly isBusy: boolean;
  readonly program: string;
  /** The names of its GPUs. */
  readonly devices: readonly string[];
  readonly seenAt: Date | null;
  readonly createdAt: Date | null;
}

interface Row {
  id: string;
  name: string;
  program: string;
  devices: unknown;
  drained_at: unknown;
  seen_at: unknown;
  created_at: unknown;
  order_id: string | null;
}

/** Those that were not revoked, as the owner sees them. */
export async function listRunners({ em, now }: Pick<Work, 'em' | 'now'>): Promise<RunnerView[]> {
  const found = await rows<Row>(
    em,
    `select r.id, r.name, r.program, cast(r.devices as text) as devices, r.drained_at, r.seen_at, r.created_at,
       (select min(cast(o.id as text)) from runner_order o where o.runner_id = r.id and o.state = 'taken') as order_id
     from runner r where r.revoked_at is null order by r.name`,
  );
  return found.map((row) => {
    const seenAt = toDateOrNull(row.seen_at);
    const devices = fromJson<RunnerDevice[]>(row.devices) ?? [];
    const isThere = seenAt !== null && now().getTime() - seenAt.getTime() < GONE_AFTER_MS;
    const state = isThere ? 'there' : devices.length === 0 ? 'new' : 'away';
    return {
      ...{ id: row.id, name: row.name, program: row.program, state, seenAt },
      health: isThere ? 'good' : state === 'new' ? '' : 'warn',
      ...{ isDrained: row.drained_at != null, isBusy: isThere && row.order_id !== null },
      devices: devices.map(({ hello }) => hello.device.name),
      createdAt: toDateOrNull(row.created_at),
    };
  });
}
