import { z } from 'zod';
import { savedSearchMatched } from '../../discovery/events.ts';
import { BountyEntry } from '../../economy/bounties/model.ts';
import { entryAwarded } from '../../economy/events.ts';
import { LicenceGrant } from '../../economy/licences/model.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { RightsGrant } from '../../moderation/rights/model.ts';
import { tellPeople } from '../tell.ts';

/** Whose bounty it is hears of what is brought. */
export const tellOfEntryJob = defineJob({
  name: 'notifications.tell-of-entry',
  lane: 'clock',
  payload: z.object({ entryId: z.uuid() }),
  attempts: 5,
  async run(work, { entryId }) {
    const entry = await work.em.findOne(BountyEntry, entryId, { populate: ['bounty'] });
    if (!entry || entry.heldAt != null || entry.withheldAt != null || entry.withdrawnAt != null) return;
    const { id, owner } = entry.bounty.$;
    const subject = { kind: 'bounty', id };
    const notice = { kind: 'bounty-entry', actorId: entry.account.id, subject } as const;
    await tellPeople(work, { ...notice, key: `entry:${entryId}`, groupKey: `bounty-entry:${id}` }, [owner.id]);
  },
});

export const tellOfAwardJob = defineJob({
  name: 'notifications.tell-of-award',
  lane: 'clock',
  payload: entryAwarded.payload,
  attempts: 5,
  async run(work, { entryId, amount }) {
    const entry = await work.em.findOne(BountyEntry, entryId);
    if (!entry) return;
    const subject = { kind: 'bounty', id: entry.bounty.id };
    // each of those who pay may award it, so that what it has by now tells one award from the next
    const key = `award:${entryId}:${entry.awardedCredits}`;
    const notice = { kind: 'bounty-award', actorId: null, subject, note: String(amount), key, groupKey: key } as const;
    await tellPeople(work, notice, [entry.account.id]);
  },
});

/** How somebody came for a licence: what was decided as it was asked for was taken at its price. */
const howIn = ({ askedAt, decidedAt }: Pick<LicenceGrant, 'askedAt' | 'decidedAt'>): string =>
  decidedAt?.getTime() === askedAt.getTime() ? 'taken' : 'asked';

/** Whoever offers it hears that it is asked for or was bought; whoever asked hears the answer. */
export const tellOfLicenceJob = defineJob({
  name: 'notifications.tell-of-licence',
  lane: 'clock',
  payload: z.object({ grantId: z.uuid(), isAnswer: z.boolean(), isEnd: z.boolean().default(false) }),
  attempts: 5,
  async run(work, { grantId, isAnswer, isEnd }) {
    const grant = await work.em.findOne(LicenceGrant, grantId, { populate: ['offer'] });
    if (!grant) return;
    const [from, to] = isAnswer ? [grant.offer.$.owner.id, grant.holder.id] : [grant.holder.id, grant.offer.$.owner.id];
    const kind = isEnd ? 'licence-end' : isAnswer ? 'licence-answer' : 'licence';
    const key = `${kind}:${grantId}`;
    const note = kind === 'licence' ? howIn(grant) : '';
    const subject = { kind: 'licence', id: grantId };
    await tellPeople(work, { kind, actorId: from, subject, note, key, groupKey: key }, [to]);
  },
});

/** The two parties of a licence of a rights holder: who asks, what the answer is, and that it ends. */
export const tellOfRightsJob = defineJob({
  name: 'notifications.tell-of-rights',
  lane: 'clock',
  payload: z.object({ grantId: z.uuid(), kind: z.enum(['licence', 'licence-answer', 'licence-end']) }),
  attempts: 5,
  async run(work, { grantId, kind }) {
    const grant = await work.em.findOne(RightsGrant, grantId, { populate: ['offer'] });
    if (!grant) return;
    const parties = [grant.licensee.id, grant.offer.$.owner.id] as const;
    const [from, to] = kind === 'licence' ? parties : [parties[1], parties[0]];
    const key = `${kind}:${grantId}`;
    const subject = { kind: 'rights-licence', id: grantId };
    const note = kind === 'licence' ? howIn(grant) : '';
    await tellPeople(work, { kind, actorId: from, subject, note, key, groupKey: key }, [to]);
  },
});

export const tellOfSearchJob = defineJob({
  name: 'notifications.tell-of-search',
  lane: 'clock',
  payload: savedSearchMatched.payload,
  attempts: 5,
  async run(work, { searchId, accountId, count }) {
    const subject = { kind: 'search', id: searchId };
    const key = `search:${searchId}:${work.now().toISOString().slice(0, 16)}`;
    const groupKey = `search:${searchId}`;
    await tellPeople(work, { kind: 'search', actorId: null, subject, note: String(count), key, groupKey }, [accountId]);
  },
});
