import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { tellPeople } from '../tell.ts';

const OWNERS = {
  generation: 'account_id as owner from generation',
  training: 'owner_id as owner from training_run',
  merge: 'owner_id as owner from merge_run',
} as const;

/** After what somebody waited for came to its end. */
export const tellOfWorkJob = defineJob({
  name: 'notifications.tell-of-work',
  lane: 'clock',
  payload: z.object({ kind: z.enum(['generation', 'training', 'merge']), id: z.uuid(), isDone: z.boolean() }),
  attempts: 5,
  async run(work, { kind, id, isDone }) {
    const [found] = await rows<{ owner: number }>(work.em, `select ${OWNERS[kind]} where id = ?`, [id]);
    if (!found) return;
    const told = isDone ? kind : (`${kind}-failed` as const);
    // a training that failed goes on, and may end again
    const key = `${told}:${id}:${isDone ? '' : work.now().toISOString().slice(0, 13)}`;
    const groupKey = kind === 'generation' ? told : `${told}:${id}`;
    await tellPeople(work, { kind: told, actorId: null, subject: { kind, id }, key, groupKey }, [found.owner]);
  },
});
