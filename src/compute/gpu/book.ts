import type { EntityManager } from '@mikro-orm/core';
import { whenBack } from '../../kit/database/away.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import { isMistake } from '../engine/mistakes.ts';
import type { EngineRun } from '../engines/drive.ts';
import { learnPace, type WorkSize } from './pace.ts';
import { settle } from './settle.ts';

/**
 * Books what a run of an engine took, and learns the pace from one that went well. A fault of ours costs
 * nothing, and nothing either what moderation ended.
 */
export async function bookRun(
  em: EntityManager,
  handle: JobHandle,
  { outcome, engineId, device, seconds }: EngineRun,
  size: WorkSize,
  now: Date,
  isEndedByNode = false,
): Promise<void> {
  if (engineId === '') return;
  const isOurFault = isEndedByNode || (outcome.state === 'failed' && !isMistake(outcome.code));
  const act = isOurFault ? 'refund' : 'charge';
  const wentWell = outcome.state === 'done' || outcome.state === 'paused';
  await whenBack(
    () =>
      em.transactional(async (tx) => {
        await settle(tx, handle, { kind: size.kind, engineId, seconds, act }, now);
        if (wentWell && device) await learnPace(tx, device, size, seconds, now);
      }),
    () => !handle.signal.aborted,
  );
}
