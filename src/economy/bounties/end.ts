import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { findPictures, removePictures } from '../../gallery/talk-pictures/hold.ts';
import { audited } from '../../kit/audit/append.ts';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Jobs } from '../../kit/queue/jobs.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { IsLookedInto } from '../deps.ts';
import { refundPledges } from '../pledges/pledge.ts';
import { DAY_MS } from './form.ts';
import { Bounty, BountyEntry } from './model.ts';
import { bountySubject, loadOwnBounty, lockBounty } from './own.ts';

const Payload = z.object({ bountyId: z.uuid() });
/** How often a job that may not end it yet looks again. */
const LOOK_AGAIN_MS = DAY_MS;

/** Its time is over: what nobody was awarded goes back to who put it in, unless somebody looks into it just then. */
export const endBountyJobOf = (isLookedInto: IsLookedInto): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'economy.end-bounty',
    lane: 'clock',
    payload: Payload,
    attempts: 10,
    run: (work, { bountyId }) => endBounty(work, isLookedInto, bountyId),
  });

export function scheduleEnd(
  tx: EntityManager,
  jobs: Jobs,
  isLookedInto: IsLookedInto,
  bountyId: string,
  at: Date,
  now: Date,
): void {
  const delayMs = Math.max(0, at.getTime() - now.getTime());
  jobs.enqueue(
    tx,
    endBountyJobOf(isLookedInto),
    { bountyId },
    { delayMs, dedupeKey: `bounty ${bountyId} ${at.getTime()}` },
  );
}

/** Everything that somebody could be looking into while it is paid out. */
export async function thingsOf(em: EntityManager, bountyId: string, entryIds?: readonly string[]): Promise<string[]> {
  const its = entryIds ? `and e.id in (${inList(entryIds)})` : '';
  const found = await rows<{ id: string; version_id: number | null; model_id: number | null; post_id: number | null }>(
    em,
    `select e.id, e.version_id, v.model_id, e.post_id from bounty_entry e left join model_version v on v.id = e.version_id
     where e.bounty_id = ? and e.withdrawn_at is null ${its}`,
    [bountyId, ...(entryIds ?? [])],
  );
  const images = await rows<{ id: number }>(
    em,
    `select i.id from image i join bounty_entry e on e.post_id = i.post_id
     where e.bounty_id = ? and e.withdrawn_at is null and i.deleted_at is null ${its}
     union select r.image_id from bounty_reference r where r.bounty_id = ?`,
    [bountyId, ...(entryIds ?? []), bountyId],
  );
  const of = (kind: string, id: number | null) => (id === null ? [] : [`${kind}:${id}`]);
  const pictures = await findPictures(em, { kind: 'bounty', id: bountyId });
  return [
    `bounty:${bountyId}`,
    ...[...images, ...pictures].map(({ id }) => `image:${id}`),
    ...found.flatMap((one) => [
      ...[
        `entry:${one.id}`,
        ...of('version', one.version_id),
        ...of('model', one.model_id),
        ...of('post', one.post_id),
      ],
    ]),
  ];
}

async function endBounty(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  isLookedInto: IsLookedInto,
  bountyId: string,
): Promise<void> {
  const at = now();
  const isOver = await em.fork().transactional(async (tx) => {
    if (!(await lockBounty(tx, bountyId))) return true;
    const bounty = await tx.findOneOrFail(Bounty, { id: bountyId });
    // put off meanwhile, and another job comes then
    if (bounty.awardBy > at) return false;
    // one that nobody ever saw has nobody to wait for
    if (bounty.heldAt == null && (await isLookedInto(tx, await thingsOf(tx, bountyId)))) {
      scheduleEnd(tx, jobs, isLookedInto, bountyId, new Date(at.getTime() + LOOK_AGAIN_MS), at);
      await tx.flush();
      return false;
    }
    const awarded = await tx.count(BountyEntry, { bounty: bountyId, awardedAt: { $ne: null } });
    Object.assign(bounty, { state: awarded > 0 ? 'awarded' : 'expired', endedAt: at });
    await tx.flush();
    return true;
  });
  if (isOver) await refundPledges(em, bountySubject(bountyId), at);
}

/** In the transaction of what ends it; the credits go back in a job. */
async function cancel(
  tx: EntityManager,
  jobs: Jobs,
  isLookedInto: IsLookedInto,
  bountyId: string,
  now: Date,
): Promise<void> {
  if (!(await lockBounty(tx, bountyId))) throw new AppError('conflict', t('bounty.over'));
  await rows(tx, `update bounty set state = 'cancelled', ended_at = ? where id = ? returning id`, [now, bountyId]);
  scheduleEnd(tx, jobs, isLookedInto, bountyId, now, now);
}

/** By its owner, as long as nobody has answered. What they sent in goes, unless somebody looks into it. */
export async function cancelBounty(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  isLookedInto: IsLookedInto,
  bountyId: string,
): Promise<void> {
  const { heldAt } = await loadOwnBounty(work, bountyId);
  const { em, jobs, now } = work;
  await em.fork().transactional(async (tx) => {
    await cancel(tx, jobs, isLookedInto, bountyId, now());
    const [found] = await rows<{ n: unknown }>(
      tx,
      'select count(*) as n from bounty_entry where bounty_id = ? and withdrawn_at is null',
      [bountyId],
    );
    if (toNumber(found?.n) > 0) throw new AppError('conflict', t('bounty.has-entries'));
    const isEvidence = heldAt != null || (await isLookedInto(tx, await thingsOf(tx, bountyId)));
    if (!isEvidence) await removePictures(tx, { kind: 'bounty', id: bountyId });
    await tx.flush();
  });
}

/** A moderator ends a quarrel by giving everything back. On record. */
export async function cancelByStaff(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  isLookedInto: IsLookedInto,
  bountyId: string,
): Promise<void> {
  if (!work.viewer || !can(work.viewer, 'moderateContent')) throw new AppError('not_found', t('bounty.none'));
  await audited(work, async (tx) => {
    await cancel(tx, work.jobs, isLookedInto, bountyId, work.now());
    const subject = { kind: 'bounty', id: bountyId };
    return { result: null, entries: [{ action: 'bounty.cancel', subject, role: 'staff' }] };
  });
}

/** After its owner left, or a moderator refused it. Again, and for one that is over, is harmless. */
export async function cancelQuietly(
  tx: EntityManager,
  jobs: Jobs,
  isLookedInto: IsLookedInto,
  bountyId: string,
  now: Date,
): Promise<void> {
  if (await lockBounty(tx, bountyId)) await cancel(tx, jobs, isLookedInto, bountyId, now);
}
