import { z } from 'zod';
import { rewardUse } from '../economy/rewards.ts';
import { creditSettings } from '../economy/settings.ts';
import { inList, rows } from '../kit/database/sql.ts';
import { defineJob, type JobDefinition } from '../kit/queue/define.ts';
import type { Settings } from '../kit/settings.ts';
import type { Work } from '../kit/work.ts';
import { Generation } from './model.ts';
import { filesOf } from './request.ts';
import { versionIdsOf } from './standing.ts';

const Payload = z.object({ generationId: z.string() });

/** After `generation.paid`: whoever made the models is thanked. */
export const rewardMakersJobOf = (settings: Settings): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'compute.reward-makers',
    lane: 'clock',
    payload: Payload,
    attempts: 5,
    run: (work, { generationId }) => rewardMakers(work, settings, generationId),
  });

async function rewardMakers({ em, now }: Pick<Work, 'em' | 'now'>, settings: Settings, id: string): Promise<void> {
  const generation = await em.findOne(Generation, id);
  if (!generation) return;
  const userId = generation.account.id;
  const versionIds = versionIdsOf(filesOf(generation.request));
  const models = await rows<{ id: number; owner_id: number }>(
    em,
    `select distinct m.id, m.owner_id from model_version v join model m on m.id = v.model_id
     join account a on a.id = m.owner_id
     where v.id in (${inList(versionIds)}) and m.owner_id <> ? and a.host = '' and a.state = 'active' order by m.id`,
    [...versionIds, userId],
  );
  const rules = await settings.read(em, creditSettings);
  for (const { id: modelId, owner_id: makerId } of models) {
    await rewardUse(em, rules, { makerId, userId, modelId }, now());
  }
}
