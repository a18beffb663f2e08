import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decide,
  FAIR_RULES,
  type FairRules,
  type FairState,
  type JobClass,
  type Waiting,
} from '../../src/kit/queue/fair/decide.ts';
import { forecast } from '../../src/kit/queue/fair/plan.ts';

const EMPTY: FairState = { shares: [], clock: 0, owedSeconds: 0 };

let serial = 0;
const job = (shareKey: string, costSeconds: number, rest: Partial<Waiting> = {}): Waiting => ({
  id: `job-${String(serial++).padStart(6, '0')}`,
  jobClass: 'interactive',
  shareWeight: 1,
  priority: 0,
  runAtMs: serial,
  affinity: null,
  ...rest,
  shareKey,
  costSeconds,
});

/** Runs what waits to the end, one after the other, and returns it in order. */
function order(
  waiting: readonly Waiting[],
  { loaded = [] as string[], rules = FAIR_RULES as FairRules } = {},
): Waiting[] {
  const done: Waiting[] = [];
  let state = EMPTY;
  let left = waiting;
  for (let decision = decide(state, left, loaded, rules); decision; decision = decide(state, left, loaded, rules)) {
    const { job: next } = decision;
    state = decision.state;
    left = left.filter(({ id }) => id !== next.id);
    done.push(next);
  }
  return done;
}

const keysOf = (jobs: readonly Waiting[]) => jobs.map(({ shareKey }) => shareKey).join('');

test('nobody waits, nothing is decided', () => {
  assert.equal(decide(EMPTY, [], [], FAIR_RULES), null);
});

test('who asked for ten jobs waits behind their own ones only', () => {
  const many = Array.from({ length: 10 }, () => job('a', 10));
  assert.equal(keysOf(order([...many, job('b', 10), job('c', 10)])), 'abcaaaaaaaaa');
});

test('it is seconds that are shared, not jobs', () => {
  const long = Array.from({ length: 4 }, () => job('a', 40));
  const short = Array.from({ length: 16 }, () => job('b', 10));
  const done = order([...long, ...short]);
  const half = done.slice(0, 10);
  const secondsOf = (key: string) =>
    half.filter(({ shareKey }) => shareKey === key).reduce((sum, { costSeconds }) => sum + costSeconds, 0);
  assert.ok(Math.abs(secondsOf('a') - secondsOf('b')) <= 40, keysOf(done));
});

test('a share of a quarter of the weight gets a quarter of the time', () => {
  const jobs = [
    ...Array.from({ length: 40 }, () => job('a', 5)),
    ...Array.from({ length: 40 }, () => job('peer', 5, { shareWeight: 0.25 })),
  ];
  const done = order(jobs).slice(0, 40);
  const peers = done.filter(({ shareKey }) => shareKey === 'peer').length;
  assert.ok(peers >= 6 && peers <= 10, String(peers));
});

test('within a share the more urgent is first, then the older; a loaded model counts a little', () => {
  const jobs = [
    job('a', 1, { id: 'old', runAtMs: 0 }),
    job('a', 1, { id: 'loaded', runAtMs: 15_000, affinity: 'sdxl' }),
    job('a', 1, { id: 'loaded-late', runAtMs: 60_000, affinity: 'sdxl' }),
    job('a', 1, { id: 'urgent', runAtMs: 90_000, priority: -1 }),
  ];
  const ids = order(jobs, { loaded: ['sdxl'] }).map(({ id }) => id);
  assert.deepEqual(ids, ['urgent', 'loaded', 'old', 'loaded-late']);
});

test('the urgency of one person is nothing to another', () => {
  const jobs = [job('a', 10), job('a', 10), job('b', 10, { priority: -100 }), job('b', 10, { priority: -100 })];
  assert.equal(keysOf(order(jobs)), 'abab');
});

test('work in the background goes on beside interactive work that never ends, for half of the time', () => {
  const jobs = [
    ...Array.from({ length: 200 }, (_, n) => job(`p${n % 5}`, 10)),
    ...Array.from({ length: 6 }, () => job('trainer', 300, { jobClass: 'batch' })),
  ];
  const done = order(jobs);
  let interactive = 0;
  let batch = 0;
  for (const { jobClass, costSeconds } of done) {
    if (jobClass === 'batch') batch += costSeconds;
    else interactive += costSeconds;
    if (batch < 1_800) assert.ok(interactive <= batch + 300 + 10, `${interactive} against ${batch}`);
  }
  assert.equal(done[0]?.jobClass, 'interactive');
});

test('the owner may give background work more or less', () => {
  const jobs = [
    ...Array.from({ length: 400 }, () => job('a', 10)),
    ...Array.from({ length: 5 }, () => job('trainer', 300, { jobClass: 'batch' })),
  ];
  const done = order(jobs, { rules: { ...FAIR_RULES, interactivePart: 0.75 } });
  const second = done
    .map(({ jobClass }) => jobClass)
    .indexOf('batch', done.findIndex((one) => one.jobClass === 'batch') + 1);
  const before = done.slice(0, second).filter(({ jobClass }) => jobClass === 'interactive').length * 10;
  assert.ok(before >= 1_750 && before <= 1_850, String(before));
});

test('what somebody took too much is paid back when they come again', () => {
  const state: FairState = {
    ...EMPTY,
    clock: 1,
    shares: [{ jobClass: 'interactive', key: 'a', deficitSeconds: -100, turn: 0 }],
  };
  const waiting = [job('a', 10), ...Array.from({ length: 12 }, () => job('b', 10))];
  let now = state;
  const keys: string[] = [];
  let left: readonly Waiting[] = waiting;
  while (left.length > 0) {
    const decision = decide(now, left, [], FAIR_RULES);
    assert.ok(decision);
    now = decision.state;
    left = left.filter(({ id }) => id !== decision.job.id);
    keys.push(decision.job.shareKey);
  }
  assert.ok(keys.indexOf('a') >= 9, keys.join(''));
});

test('the forecast is the order of the claims, spread over the machines that work', () => {
  const waiting = [job('a', 10), job('a', 10), job('b', 10)];
  const lane = { state: EMPTY, rules: FAIR_RULES, isPaused: false, servers: 2 };
  const plan = forecast(lane, waiting, [30]);
  assert.deepEqual(
    waiting.map(({ id }) => plan.get(id)),
    [
      { place: 0, startsInSeconds: 0 },
      { place: 2, startsInSeconds: 20 },
      { place: 1, startsInSeconds: 10 },
    ],
  );
  assert.equal(forecast({ ...lane, isPaused: true }, waiting, []).get(waiting[0]?.id ?? '')?.startsInSeconds, null);
  assert.equal(forecast({ ...lane, servers: 0 }, waiting, []).get(waiting[0]?.id ?? '')?.startsInSeconds, null);
});

// spec/engine.md, section 5, and the issue: fifty people on one GPU, one of them greedy, and a training.
test('of fifty people, one of them greedy, nobody waits more than twice their fair share, and training gets on', () => {
  const random = seeded(7);
  const people = Array.from({ length: 50 }, (_, n) => ({
    key: `person-${n}`,
    // everybody wants more than there is; the first has two hundred open requests, the others one
    open: n === 0 ? 200 : 1,
    costOf: () => 4 + Math.floor(random() * 17),
  }));
  const MEAN_SECONDS = 12;
  const fairWaitSeconds = (people.length * MEAN_SECONDS) / FAIR_RULES.interactivePart;
  let waiting: Waiting[] = [];
  const cameAt = new Map<string, number>();
  let seconds = 0;
  const come = (key: string, cost: number, jobClass: JobClass = 'interactive') => {
    const one = job(key, cost, { jobClass, runAtMs: seconds * 1000 });
    waiting.push(one);
    cameAt.set(one.id, seconds);
  };
  for (const { key, open, costOf } of people) for (let n = 0; n < open; n += 1) come(key, costOf());
  come('trainer', 300, 'batch');

  const got = new Map<string, number>();
  const waits = new Map<string, number>();
  let state = EMPTY;
  while (seconds < 86_400) {
    const decision = decide(state, waiting, [], FAIR_RULES);
    assert.ok(decision);
    const { job: next } = decision;
    state = decision.state;
    waiting = waiting.filter(({ id }) => id !== next.id);
    const waited = seconds - (cameAt.get(next.id) ?? 0);
    if (next.shareKey !== 'person-0') waits.set(next.shareKey, Math.max(waits.get(next.shareKey) ?? 0, waited));
    seconds += next.costSeconds;
    got.set(next.shareKey, (got.get(next.shareKey) ?? 0) + next.costSeconds);
    const person = people.find(({ key }) => key === next.shareKey);
    come(next.shareKey, person ? person.costOf() : 300, next.jobClass);
  }

  const longest = Math.max(...waits.values());
  assert.ok(longest <= 2 * fairWaitSeconds, `${longest} s against ${fairWaitSeconds} s`);
  const trained = got.get('trainer') ?? 0;
  assert.ok(Math.abs(trained / seconds - 0.5) < 0.02, `training had ${trained / seconds}`);
  const fair = (seconds - trained) / people.length;
  for (const { key } of people) {
    const part = (got.get(key) ?? 0) / fair;
    assert.ok(part > 0.9 && part < 1.1, `${key} had ${part} of a fair share`);
  }
});

/** Mulberry32. */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
