import type { EntityManager } from '@mikro-orm/core';
import { dialectOf, inList, rows, toDate, toNumber } from '../../database/sql.ts';
import type { Lane } from '../define.ts';
import { FAIR_RULES, type FairRules, type FairState, type JobClass, type Share, type Waiting } from './decide.ts';

/** Lanes whose work is shared out fairly among those who asked for it. */
const FAIR_LANES: ReadonlySet<Lane> = new Set<Lane>(['gpu']);
export const isFair = (lane: Lane): boolean => FAIR_LANES.has(lane);

/** So many of each share are looked at; the rest wait behind them anyway. */
const MOST_OF_A_SHARE = 8;
/** What somebody took too much is forgotten after that long. */
const FORGOTTEN_AFTER_MS = 3_600_000;

interface WaitingRow {
  id: string;
  job_class: JobClass;
  share_key: string;
  share_weight: number;
  cost_seconds: number;
  priority: number;
  run_at: unknown;
  affinity: string | null;
}

/** Due jobs, unless their partition is full or one with their dedupe key runs. */
const WAITING = `select c.* from (
  select j.id, j.job_class, j.share_key, j.share_weight, j.cost_seconds, j.priority, j.run_at, j.affinity,
    row_number() over (partition by j.job_class, j.share_key order by j.priority, j.run_at, j.id) as nth
  from job j where j.lane = ? and j.state = 'queued' and j.run_at <= ?
    and (j.partition = '' or j.partition_limit > (select count(*) from job r
      where r.lane = j.lane and r.partition = j.partition and r.state = 'running'))
    and (j.dedupe_key is null or not exists (select 1 from job r where r.dedupe_key = j.dedupe_key and r.state = 'running'))
  ) c where c.nth <= ?`;

/** `mostOfAShare` bounds what one share brings. */
export async function listWaiting(
  em: EntityManager,
  lane: Lane,
  now: Date,
  mostOfAShare = MOST_OF_A_SHARE,
): Promise<Waiting[]> {
  const found = await rows<WaitingRow>(em, WAITING, [lane, now, mostOfAShare]);
  return found.map((row) => ({
    ...{ id: row.id, jobClass: row.job_class, shareKey: row.share_key, shareWeight: row.share_weight },
    ...{ costSeconds: row.cost_seconds, priority: row.priority, affinity: row.affinity },
    runAtMs: toDate(row.run_at).getTime(),
  }));
}

export interface LaneState {
  readonly state: FairState;
  readonly rules: FairRules;
  readonly isPaused: boolean;
  readonly servers: number;
}

interface LaneRow {
  clock: unknown;
  owed_seconds: number;
  interactive_part: number;
  paused_at: unknown;
  servers: number;
}
const LANE_COLUMNS = 'clock, owed_seconds, interactive_part, paused_at, servers';

/** Keeps others from claiming in this lane until the transaction ends. */
export async function lockLane(em: EntityManager, lane: Lane): Promise<LaneState> {
  const lock = dialectOf(em) === 'postgresql' ? ' for update' : ''; // a transaction of SQLite has the database already
  const locked = () => rows<LaneRow>(em, `select ${LANE_COLUMNS} from fair_lane where lane = ?${lock}`, [lane]);
  let [row] = await locked();
  if (!row) {
    await rows(
      em,
      `insert into fair_lane (lane, clock, owed_seconds, interactive_part, servers) values (?, 0, 0, ?, 1)
       on conflict (lane) do nothing returning lane`,
      [lane, FAIR_RULES.interactivePart],
    );
    [row] = await locked();
  }
  return stateOf(row, await listShares(em, lane));
}

/** As it is, for those who only look. */
export async function readLane(em: EntityManager, lane: Lane): Promise<LaneState> {
  const [row] = await rows<LaneRow>(em, `select ${LANE_COLUMNS} from fair_lane where lane = ?`, [lane]);
  return stateOf(row, await listShares(em, lane));
}

const stateOf = (row: LaneRow | undefined, shares: readonly Share[]): LaneState => ({
  state: { shares, clock: toNumber(row?.clock), owedSeconds: row?.owed_seconds ?? 0 },
  rules: { ...FAIR_RULES, interactivePart: row?.interactive_part ?? FAIR_RULES.interactivePart },
  isPaused: row?.paused_at != null,
  servers: row?.servers ?? 1,
});

async function listShares(em: EntityManager, lane: Lane): Promise<Share[]> {
  const found = await rows<{ job_class: JobClass; key: string; deficit_seconds: number; turn: unknown }>(
    em,
    'select job_class, key, deficit_seconds, turn from fair_share where lane = ?',
    [lane],
  );
  return found.map((row) => ({
    ...{ jobClass: row.job_class, key: row.key, deficitSeconds: row.deficit_seconds, turn: toNumber(row.turn) },
  }));
}

/** Writes what is so after a decision: only what changed, which is little. */
export async function keepState(
  em: EntityManager,
  lane: Lane,
  before: FairState,
  after: FairState,
  now: Date,
): Promise<void> {
  await rows(em, 'update fair_lane set clock = ?, owed_seconds = ? where lane = ? returning lane', [
    after.clock,
    after.owedSeconds,
    lane,
  ]);
  const known = new Map(before.shares.map((share) => [`${share.jobClass} ${share.key}`, share]));
  const changed = after.shares.filter(({ jobClass, key, turn, deficitSeconds }) => {
    const old = known.get(`${jobClass} ${key}`);
    return old?.turn !== turn || old.deficitSeconds !== deficitSeconds;
  });
  if (changed.length > 0) {
    await rows(
      em,
      `insert into fair_share (lane, job_class, key, deficit_seconds, turn, changed_at)
       values ${changed.map(() => '(?, ?, ?, ?, ?, ?)').join(', ')}
       on conflict (lane, job_class, key) do update set deficit_seconds = excluded.deficit_seconds,
         turn = excluded.turn, changed_at = excluded.changed_at returning key`,
      changed.flatMap(({ jobClass, key, deficitSeconds, turn }) => [lane, jobClass, key, deficitSeconds, turn, now]),
    );
  }
  await rows(em, 'delete from fair_share where lane = ? and turn = 0 and changed_at < ? returning key', [
    lane,
    new Date(now.getTime() - FORGOTTEN_AFTER_MS),
  ]);
}

/** After a run: what it took more than was estimated is taken from its share, what it took less is given back. */
export async function settleShare(
  em: EntityManager,
  { lane, jobClass, shareKey }: { readonly lane: Lane; readonly jobClass: JobClass; readonly shareKey: string },
  overSeconds: number,
  now: Date,
): Promise<void> {
  await rows(
    em,
    `update fair_share set deficit_seconds = deficit_seconds - ?, changed_at = ?
     where lane = ? and job_class = ? and key = ? returning key`,
    [overSeconds, now, lane, jobClass, shareKey],
  );
}

/** Whether somebody waits in one of these classes who could begin if there were room. */
export async function isWaitedFor(
  em: EntityManager,
  lane: Lane,
  classes: readonly JobClass[],
  now: Date,
): Promise<boolean> {
  const [some] = await rows(em, `${WAITING} and c.job_class in (${inList(classes)}) limit 1`, [
    lane,
    now,
    1,
    ...classes,
  ]);
  return some !== undefined;
}

/** For the owner: no new work is given out until it is resumed. */
export async function pauseLane(em: EntityManager, lane: Lane, pausedAt: Date | null): Promise<void> {
  await em.transactional(async (tx) => {
    await lockLane(tx, lane);
    await rows(tx, 'update fair_lane set paused_at = ? where lane = ? returning lane', [pausedAt, lane]);
  });
}

export async function tuneLane(
  em: EntityManager,
  lane: Lane,
  { interactivePart, servers }: { readonly interactivePart?: number; readonly servers?: number },
): Promise<void> {
  await em.transactional(async (tx) => {
    await lockLane(tx, lane);
    await rows(
      tx,
      `update fair_lane set interactive_part = coalesce(?, interactive_part), servers = coalesce(?, servers)
       where lane = ? returning lane`,
      [interactivePart ?? null, servers ?? null, lane],
    );
  });
}
