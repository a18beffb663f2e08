import { z } from 'zod';
import { Follow } from '../../accounts/model.ts';
import { tipSent } from '../../economy/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { tellPeople } from '../tell.ts';

export const followKeys = (followerId: number, targetId: number): string[] => [
  `follow:${followerId}:${targetId}`,
  `follow-request:${followerId}:${targetId}`,
];

export const tellOfFollowJob = defineJob({
  name: 'notifications.tell-of-follow',
  lane: 'clock',
  payload: z.object({ followId: z.uuid() }),
  attempts: 5,
  async run(work, { followId }) {
    const follow = await work.em.findOne(Follow, followId);
    if (!follow || follow.state === 'rejected') return;
    const { follower, target } = follow;
    const kind = follow.state === 'pending' ? 'follow-request' : 'follow';
    const subject = { kind: 'account', id: follower.id };
    const key = `${kind}:${follower.id}:${target.id}`;
    await tellPeople(work, { kind, actorId: follower.id, subject, key, groupKey: kind }, [target.id]);
  },
});

export const tellOfTipJob = defineJob({
  name: 'notifications.tell-of-tip',
  lane: 'clock',
  payload: tipSent.payload,
  attempts: 5,
  async run(work, { key, senderId, recipientId, kind, targetId, amount }) {
    const subject = { kind, id: targetId };
    const groupKey = `tip:${kind}:${targetId}`;
    const notice = { kind: 'tip', actorId: senderId, subject, note: String(amount), key, groupKey } as const;
    await tellPeople(work, notice, [recipientId]);
  },
});
