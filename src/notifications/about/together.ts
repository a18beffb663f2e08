import { z } from 'zod';
import { CollectionEntry, CollectionMember } from '../../gallery/collections/together/model.ts';
import { submissionDecided } from '../../gallery/events.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { forget, tellPeople, tellThose } from '../tell.ts';

/** Whoever is asked to take part in a collection hears of it. */
export const tellOfInvitationJob = defineJob({
  name: 'notifications.tell-of-invitation',
  lane: 'clock',
  payload: z.object({ memberId: z.uuid() }),
  attempts: 5,
  async run(work, { memberId }) {
    const row = await work.em.findOne(CollectionMember, memberId, { populate: ['collection'] });
    if (!row || row.acceptedAt != null) return;
    const { id, owner } = row.collection.$;
    const key = `invited:${memberId}`;
    const notice = { kind: 'invited', actorId: owner.id, subject: { kind: 'collection', id }, note: row.role } as const;
    await tellPeople(work, { ...notice, key, groupKey: key }, [row.account.id]);
  },
});

const HOUR_MS = 3_600_000;

/** Those who keep the collection hear once an hour that something waits, however much it is. */
export const tellOfSubmissionJob = defineJob({
  name: 'notifications.tell-of-submission',
  lane: 'clock',
  payload: z.object({ entryId: z.uuid() }),
  attempts: 5,
  async run(work, { entryId }) {
    const entry = await work.em.findOne(CollectionEntry, entryId);
    if (entry?.state !== 'waiting') return;
    const { id } = entry.collection;
    const hour = Math.floor(work.now().getTime() / HOUR_MS);
    const subject = { kind: 'collection', id };
    await tellThose(
      work,
      {
        ...{ kind: 'submission', actorId: entry.account.id, subject, note: 'waiting' },
        ...{ key: `submission:${id}:${hour}`, groupKey: `submission:${id}` },
      },
      {
        sql: `select k.owner_id as account_id from collection k where k.id = ?
          union select m.account_id from collection_member m join collection k on k.id = m.collection_id
            where m.collection_id = ? and m.role = 'manager' and m.accepted_at is not null and k.adders <> 'owner'`,
        values: [id, id],
      },
    );
  },
});

/** Whoever brought it hears what was decided; what was taken back is not told any more. */
export const tellOfDecisionJob = defineJob({
  name: 'notifications.tell-of-decision',
  lane: 'clock',
  payload: submissionDecided.payload,
  attempts: 5,
  async run(work, { entryId, state }) {
    const entry = await work.em.findOne(CollectionEntry, entryId);
    if (!entry || entry.state !== state) return;
    const key = `decided:${entryId}`;
    await forget(work.em, key);
    if (state === 'waiting') return;
    const subject = { kind: 'collection', id: entry.collection.id };
    const notice = { kind: 'submission', actorId: null, subject, note: state, key } as const;
    await tellPeople(work, { ...notice, groupKey: `decided:${subject.id}:${state}` }, [entry.account.id]);
  },
});
