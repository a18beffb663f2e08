import { setTimeout as sleep } from 'node:timers/promises';
import { rows, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';

/** Until the workers of these nodes have nothing left to do for a second. Throws after `patienceMs`. */
export async function becomeQuiet(openWorks: readonly (() => Work)[], patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs;
  for (let quietCount = 0; quietCount < 4; ) {
    let open = 0;
    for (const openWork of openWorks) {
      const { em, now } = openWork();
      const [row] = await rows<{ jobs: unknown; events: unknown }>(
        em,
        `select (select count(*) from job where state = 'running' or (state = 'queued' and run_at <= ?)) as jobs,
           (select count(*) from recorded_event where relayed_at is null) as events`,
        [now()],
      );
      open += toNumber(row?.jobs) + toNumber(row?.events);
    }
    quietCount = open === 0 ? quietCount + 1 : 0;
    if (performance.now() > until) throw new Error(`${open} jobs are not done yet.`);
    await sleep(250);
  }
}
