import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Account, Follow } from '../../src/accounts/model.ts';
import { Delivery, InboxItem, OutboxItem } from '../../src/federation/model.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { readConfig } from '../../src/kit/config.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { makeLog } from '../../src/kit/log.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { type Node, openNode } from '../../src/node.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenPost } from '../factories/content.ts';
import { freePort } from '../federation/nodes.ts';
import { post, stranger } from '../federation/strangers.ts';
import { type Measured, startControl, startProbedNode } from './probed.ts';
import { actNumber, Ledger, type Person } from './traffic.ts';

// Mixed honest and hostile traffic at a fixed rate against a whole node, from loopback to loopback, for half an hour
// (a minute in CI). It fails when memory grows, when the node itself stalls, or when an activity is lost.

const SECONDS = Number(process.env.SOAK_SECONDS ?? (process.env.CI ? 60 : 1_800));
const PER_SECOND = Number(process.env.SOAK_RATE ?? 20);
const PEOPLE = 12;
const FOLLOWERS = 2;
const WINDOW_MS = 5_000;
/** Caches fill and the compiler settles in the first part, which is left out. */
const WARM_UP_MS = Math.min(300_000, SECONDS * 350);
/** A loop that ran later than this, and took that much of a processor meanwhile, stalled. */
const LONGEST_STALL_MS = 100;
const HEAP_MAY_GROW = { bytes: 16e6, share: 0.15 };
/** SQLite's cache of pages (kit/database/sqlite.ts) fills while the database grows. */
const RESIDENT_MAY_GROW = { bytes: 96e6, share: 0.15 };
const DRAIN_WITHIN_MS = 180_000;
const MOST_UNDER_WAY = 400;

const folder = await mkdtemp(join(tmpdir(), 'tessera-soak-'));
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;
const env = {
  ...{ HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: origin, DATA_DIR: folder, LOG_LEVEL: 'silent' },
  ...{ FEDERATION_PRIVATE_ADDRESSES: 'true', MIN_FREE_MB: '0', ENGINE: 'none' },
};
const place = { origin, clock: { now: () => new Date() } };
const endings: (() => unknown)[] = [];

// never started: the soak's own eyes on the same database
const eyes = await openNode(readConfig(env), { log: makeLog('silent') });
const em = () => eyes.orm.em.fork();
// a delivery's row goes when it has arrived, so each is noted as it is made
await rows(em(), 'create table soak_told (id integer primary key)');
await rows(
  em(),
  'create trigger soak_tells after insert on delivery begin insert into soak_told (id) values (null); end',
);
const givens = em();
const alice = await givenMember(givens, 'alice');
const picture = givenPost(givens, { owner: alice });
await givens.flush();
const postUri = `${origin}/posts/${picture.id}`;

const people: Person[] = [];
for (let n = 1; n <= PEOPLE; n += 1) {
  const server = await stranger({ after: (end: () => unknown) => void endings.push(end) }, `127.0.9.${n}`);
  people.push({ stranger: server, actor: await server.actor('vic'), likeId: null, notes: [], newest: null });
}

const node = startProbedNode(env);
const control = startControl();
await until('the node answers', async () => (await fetch(`${origin}/healthz`).catch(() => null))?.ok === true);

const ledger = new Ledger();
for (const { actor } of people.slice(0, FOLLOWERS)) {
  const id = `${actor.id}#follow`;
  const status = await post(place, actor, { id, type: 'Follow', object: `${origin}/users/alice` });
  if (status === 202) ledger.accepted.add(id);
  else ledger.surprise(`a Follow was answered with ${status}`);
}
await until('they follow alice', async () => (await em().count(Follow, { target: alice.id })) === FOLLOWERS);

const problems: string[] = [];
const startedAt = performance.now();
const elapsed = () => performance.now() - startedAt;
const queues = people.map(() => Promise.resolve());
let underWay = 0;
let sent = 0;
let worst = { maxMs: 0, controlMs: 0 };
let settled: Measured | null = null;
await node.measure();
await control.measure();
for (let windowEnd = WINDOW_MS; elapsed() < SECONDS * 1_000; ) {
  for (; sent < (elapsed() / 1_000) * PER_SECOND && underWay < MOST_UNDER_WAY; sent += 1) begin(sent);
  if (elapsed() >= windowEnd) {
    windowEnd += WINDOW_MS;
    await look();
  }
  await wait(1_000 / PER_SECOND / 2);
}
await Promise.all(queues);
await look();
const due = Math.floor(SECONDS * PER_SECOND);
if (sent < due * 0.9) problems.push(`only ${sent} of ${due} requests could be sent: the node does not keep up`);
await untilDrained();
const ended = await node.measure({ collect: true });

await judgeMemory();
await judgeCounts(eyes);
await node.stop();
await control.stop();
for (const end of endings) end();
await eyes.close();
await rm(folder, { recursive: true, force: true, maxRetries: 3 });

report('soak-requests', sent);
report('soak-hostile', ledger.hostile);
report('soak-activities', ledger.accepted.size);
report('soak-max-delay-ms', worst.maxMs);
report('soak-control-max-delay-ms', worst.controlMs);
report('soak-heap-mb', (ended.heapBytes ?? 0) / 1e6);
problems.push(...ledger.surprises);
for (const problem of problems) console.error(`soak: ${problem}`);
if (problems.length === 0) console.log('soak: passed');
process.exit(problems.length === 0 ? 0 : 1);

function begin(n: number): void {
  const who = n % PEOPLE;
  const person = people[who];
  if (!person) return;
  underWay += 1;
  queues[who] = (queues[who] ?? Promise.resolve())
    .then(() => actNumber(Math.floor(n / PEOPLE) + who)(place, person, postUri, ledger))
    .catch((error: unknown) => ledger.surprise(`a request failed: ${error}`))
    .finally(() => {
      underWay -= 1;
    });
}

/** What the node and the control did since the last look. */
async function look(): Promise<void> {
  const collect = settled === null && elapsed() > WARM_UP_MS;
  const [ours, machine] = await Promise.all([
    collect ? node.measure({ collect: true }) : node.measure(),
    control.measure(),
  ]);
  if (elapsed() <= WARM_UP_MS) return;
  settled ??= ours;
  if (ours.maxMs > worst.maxMs) worst = { maxMs: ours.maxMs, controlMs: machine.maxMs };
  // where the control was as late at the same time, or the node had no processor meanwhile, it is the machine's doing
  const own = ours.stalls.filter(
    ({ lateMs, cpuMs }) => cpuMs > LONGEST_STALL_MS && lateMs > LONGEST_STALL_MS + 2 * machine.maxMs,
  );
  for (const { lateMs, cpuMs } of own) {
    problems.push(
      `a stall of ${Math.round(lateMs)} ms (${Math.round(cpuMs)} ms of processor), control ${Math.round(machine.maxMs)} ms`,
    );
  }
}

async function judgeMemory(): Promise<void> {
  if (!settled) return void problems.push('it was over before anything had settled');
  const say = (what: string, before: number, after: number, may: { bytes: number; share: number }) => {
    report(`soak-${what}-growth-mb`, (after - before) / 1e6);
    if (after > before * (1 + may.share) + may.bytes) {
      problems.push(`${what} memory grew from ${(before / 1e6).toFixed(1)} to ${(after / 1e6).toFixed(1)} MB`);
    }
  };
  say('heap', settled.heapBytes, ended.heapBytes, HEAP_MAY_GROW);
  say('resident', settled.residentBytes, ended.residentBytes, RESIDENT_MAY_GROW);
}

/** Count in = count out: what was answered 202 is there once, was carried out, and had its effect; and is told once. */
async function judgeCounts({ orm }: Node): Promise<void> {
  const db = orm.em.fork();
  const expect = (what: string, found: number, wanted: number) => {
    if (found !== wanted) problems.push(`${what}: ${found} where ${wanted} were expected`);
  };
  const items = await db.find(InboxItem, {}, { fields: ['uri', 'processedAt', 'outcome'] });
  expect('activities kept', items.length, ledger.accepted.size);
  expect('of them accepted', items.filter(({ uri }) => ledger.accepted.has(uri)).length, ledger.accepted.size);
  const undone = items.filter(({ processedAt, outcome }) => processedAt == null || outcome !== 'done');
  expect('without their effect', undone.length, 0);
  for (const { uri, outcome } of undone.slice(0, 3)) problems.push(`${uri}: ${outcome}`);
  const { commentCount, likeCount } = await db.findOneOrFail(Post, picture.id);
  expect('comments', await db.count(Comment, { post: picture.id, deletedAt: null }), ledger.comments);
  expect('comments counted', commentCount, ledger.comments);
  expect('likes counted', likeCount, people.filter(({ likeId }) => likeId !== null).length);
  expect('failed jobs', await db.count(Job, { state: 'failed' }), 0);
  expect('people', await db.count(Account, { host: { $ne: '' } }), PEOPLE);
  const arrived = people.flatMap(({ stranger: { origin: home, received } }) =>
    received.map(({ body }) => `${home} ${String(body.id)}`),
  );
  const [told] = await rows<{ n: number }>(db, 'select count(*) as n from soak_told');
  expect('deliveries', new Set(arrived).size, told?.n ?? 0);
  expect('deliveries that wait', await db.count(Delivery, {}), 0);
  expect('deliveries made twice', arrived.length - new Set(arrived).size, 0);
  report('soak-delivered', arrived.length);
  if ((await db.count(OutboxItem)) < FOLLOWERS) problems.push('nothing was told to those who follow');
}

async function untilDrained(): Promise<void> {
  const open = { $or: [{ state: 'running' as const }, { state: 'queued' as const, runAt: { $lte: new Date() } }] };
  let [quiet, left] = [0, 0];
  await until(
    () => `the queue is empty: ${left} jobs were left`,
    async () => {
      left = await em().count(Job, open);
      quiet = left === 0 ? quiet + 1 : 0;
      return quiet > 5;
    },
  );
}

async function until(what: string | (() => string), isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DRAIN_WITHIN_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`It took too long until ${typeof what === 'string' ? what : what()}.`);
    await wait(300);
  }
}

function report(name: string, value: number): void {
  console.log(`${name}: ${Number.isInteger(value) ? value : value.toFixed(1)}`);
}
