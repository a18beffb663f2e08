import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { type Parameter, rows, toDate } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import type { Work } from '../../kit/work.ts';
import { countGenerations } from './count-generations.ts';
import { countFollowersNow } from './followers.ts';
import { DAY_MS, dayOf, type Figure } from './model.ts';
import { writeDay } from './write.ts';

const EVERY_MS = 3 * 3_600_000;
/** So far back a node that never counted begins. */
const MOST_DAYS = 365;

export const countDaysJob = defineJob({
  name: 'discovery.count-days',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  async run(work, _payload, { signal }) {
    await countDays(work, signal);
    await scheduleCountDays(work);
  },
});

/** Called at each start too, so it looks whether one waits already. */
export async function scheduleCountDays({ em, jobs }: Pick<Work, 'em' | 'jobs'>): Promise<void> {
  if ((await em.count(Job, { name: countDaysJob.name, state: 'queued' })) > 0) return;
  jobs.enqueue(em, countDaysJob, {}, { delayMs: EVERY_MS, dedupeKey: countDaysJob.name });
  await em.flush();
}

/** Counts day by day, from where the last count ended; the last two days again. Stopped in the middle, it goes on there. */
export async function countDays({ em, now }: Pick<Work, 'em' | 'now'>, signal: AbortSignal): Promise<void> {
  const today = startOf(now());
  for (let at = await firstDay(em, today); at <= today && !signal.aborted; at += DAY_MS) {
    const from = new Date(at);
    const to = new Date(at + DAY_MS);
    await em.transactional(async (tx) => {
      for (const count of COUNTS) await write(tx, dayOf(from), count, from, to);
      // a day that goes on would show each single use as it comes
      if (at < today) await countGenerations(tx, from, to);
      // how many follow is known of now alone: who left since a day that is over cannot be counted for it
      else await countFollowersNow(tx, dayOf(from), dayOf(new Date(at - DAY_MS)));
    });
  }
}

const startOf = (date: Date): number => Math.floor(date.getTime() / DAY_MS) * DAY_MS;

async function firstDay(em: EntityManager, today: number): Promise<number> {
  const [last] = await rows<{ day: string | null }>(em, 'select max(day) as day from stat_day');
  if (last?.day) return Math.min(startOf(new Date(last.day)), today - DAY_MS);
  const [oldest] = await rows<{ at: unknown }>(
    em,
    `select created_at as at from account where host = '' order by id limit 1`,
  );
  const begun = oldest ? startOf(toDate(oldest.at)) : today;
  return Math.min(Math.max(begun, today - MOST_DAYS * DAY_MS), today - DAY_MS);
}

interface Count {
  readonly figure: Figure;
  /** Rows of owner, model (0 for none) and n. */
  readonly sql: string;
  /** Of the times in it, how often; otherwise it takes the day. */
  readonly times?: number;
}

const COUNTS: readonly Count[] = [
  {
    figure: 'downloads',
    sql: `select m.owner_id as owner, m.id as model, count(*) as n from download_mark d
      join model_version v on v.id = d.version_id join model m on m.id = v.model_id
      where d.day = ? and m.uri is null group by m.owner_id, m.id`,
  },
  {
    figure: 'pictures',
    times: 1,
    sql: `select m.owner_id as owner, m.id as model, count(distinct i.id) as n from image i
      join resource_use r on r.image_id = i.id join model m on m.id = r.model_id
      where i.listed_at >= ? and i.listed_at < ? and m.uri is null group by m.owner_id, m.id`,
  },
  {
    figure: 'likes',
    times: 3,
    sql: `select x.owner, x.model, count(*) as n from (
      select m.owner_id as owner, m.id as model from reaction r join model m on m.id = r.model_id
        where r.created_at >= ? and r.created_at < ? and m.owner_id <> r.account_id and m.uri is null
      union all select p.owner_id, 0 from reaction r join post p on p.id = r.post_id
        where r.created_at >= ? and r.created_at < ? and p.owner_id <> r.account_id and p.uri is null
      union all select i.owner_id, 0 from reaction r join image i on i.id = r.image_id
        where r.created_at >= ? and r.created_at < ? and i.owner_id <> r.account_id and i.uri is null) x
      group by x.owner, x.model`,
  },
  {
    figure: 'remixes',
    times: 1,
    sql: `select o.owner_id as owner, 0 as model, count(*) as n from image i join image o on o.id = i.remix_of_id
      where i.listed_at >= ? and i.listed_at < ? and i.owner_id <> o.owner_id and o.uri is null group by o.owner_id`,
  },
  {
    figure: 'followers',
    times: 1,
    sql: `select f.target_id as owner, 0 as model, count(*) as n from follow f join account a on a.id = f.target_id
      where f.created_at >= ? and f.created_at < ? and f.state = 'accepted' and a.host = '' group by f.target_id`,
  },
];

async function write(em: EntityManager, day: string, { figure, sql, times }: Count, from: Date, to: Date) {
  const taken: Parameter[] = times === undefined ? [day] : Array.from({ length: times }, () => [from, to]).flat();
  const found = await rows<{ owner: number; model: number; n: unknown }>(em, sql, taken);
  for (const { owner, model, n } of found) await writeDay(em, { owner, model, day, figure, n: Number(n) });
}
