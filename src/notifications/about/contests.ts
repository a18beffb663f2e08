import { Contest } from '../../gallery/contests/model.ts';
import { contestTurned } from '../../gallery/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { tellThose } from '../tell.ts';

const PLACED = `select e.account_id from collection_entry e where e.collection_id = ? and e.place is not null and e.state = 'in'`;
const PART = `select f.follower_id as account_id from topic_follow f where f.collection_id = ?
  union select m.account_id from collection_member m where m.collection_id = ? and m.accepted_at is not null
  union select e.account_id from collection_entry e where e.collection_id = ? and e.state in ('waiting', 'in')
  union select k.owner_id from collection k where k.id = ?`;

/** Followers, entrants, judges and whoever keeps a contest hear when it opens, closes soon, closed or has a result. */
export const tellOfContestJob = defineJob({
  name: 'notifications.tell-of-contest',
  lane: 'clock',
  payload: contestTurned.payload,
  attempts: 5,
  async run(work, { collectionId: id, turn }) {
    const contest = await work.em.findOne(Contest, id);
    if (!contest) return;
    const subject = { kind: 'collection', id };
    const at = (turn === 'open' ? contest.opensAt : contest.closesAt).getTime();
    const key = turn === 'ended' ? `contest:${id}:ended` : `contest:${id}:${turn}:${at}`;
    const notice = { kind: 'contest', actorId: null, subject, key, groupKey: key } as const;
    // whoever has a place is told of that, and the key keeps it from being told twice
    if (turn === 'ended') await tellThose(work, { ...notice, note: 'placed' }, { sql: PLACED, values: [id] });
    await tellThose(work, { ...notice, note: turn }, { sql: PART, values: [id, id, id, id] });
  },
});
