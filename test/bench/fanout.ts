import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { addImage } from '../../src/gallery/images/add.ts';
import { createDraft } from '../../src/gallery/posts/draft.ts';
import { readConfig } from '../../src/kit/config.ts';
import { openNode } from '../../src/node.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { picture } from '../gallery/painter.ts';
import { openFile } from './dataset.ts';
import { openFanoutTown, type Town } from './fanout-town.ts';
import { median, report } from './report.ts';
import { cpuMsOf, startNode, untilIdle } from './server.ts';

const SIZES = { full: { hosts: 1_000, rounds: 3 }, ci: { hosts: 80, rounds: 2 } } as const;
const INBOXES = 10;
/** One in so many hosts is dead. */
const DEAD = 20;
const PUBLIC_URL = 'http://127.0.0.1:9';
const NODE_ENV = { PUBLIC_URL, FEDERATION_PRIVATE_ADDRESSES: 'true', MIN_FREE_MB: '0' };

interface Round {
  readonly ms: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

/**
 * One post of somebody whose followers are on a thousand hosts with ten inboxes each; one host in twenty refuses or
 * hangs. The same good hosts once more without any dead one, in turn: the difference is what the dead cost the others.
 */
export async function fanoutBench(): Promise<void> {
  const { hosts, rounds } = SIZES[process.env.BENCH_SIZE === 'ci' ? 'ci' : 'full'];
  const dead = hosts / DEAD;
  const good = (hosts - dead) * INBOXES;
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-fanout-'));
  const town = await openFanoutTown();
  const goodHosts = Array.from({ length: hosts - dead }, (_, n) => town.goodHost(n));
  const deadHosts = Array.from({ length: dead }, (_, n) => town.deadHost(n));
  await makeAudience(join(folder, 'with'), mixed(goodHosts, deadHosts));
  await makeAudience(join(folder, 'without'), goodHosts);
  const [withDead, without]: [Round[], Round[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    // whichever comes first in turn, so that what else the machine does touches both alike
    const turns = round % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
    for (const turn of turns) {
      (turn === 'with' ? withDead : without).push(await tellAll(join(folder, turn), town, good));
    }
  }
  town.close();
  await rm(folder, { recursive: true, force: true });

  // the fastest of each: what else the machine does only adds
  const fastest = (some: readonly Round[]) => Math.min(...some.map(({ ms }) => ms));
  const [base, ms] = [fastest(without), fastest(withDead)];
  report('fanout-rps', good / (ms / 1_000), 'deliveries/s');
  report('fanout-s', ms / 1_000, 's');
  report('fanout-without-dead-s', base / 1_000, 's');
  report('fanout-cpu-ms', median(withDead.map((one) => one.cpuMs)) / good, 'ms');
  report('fanout-dead-cost-ratio', (ms - base) / base);
  // the same by processor time, which a machine that is shared with others changes less
  const leastCpu = (some: readonly Round[]) => Math.min(...some.map(({ cpuMs }) => cpuMs));
  report('fanout-dead-cpu-ratio', leastCpu(withDead) / leastCpu(without) - 1);
  report('fanout-rss-mb', Math.max(...withDead.map((one) => one.peakMb)), 'MB');
}

/** The dead stand among the good, as they do in life. */
const mixed = (good: readonly string[], dead: readonly string[]): string[] =>
  good.flatMap((host, n) => [host, ...(n % (DEAD - 1) === 0 ? dead.slice(n / (DEAD - 1), n / (DEAD - 1) + 1) : [])]);

/** A node with alice, a draft of hers, and followers at ten inboxes of each of these hosts. */
async function makeAudience(dataDir: string, hosts: readonly string[]): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const node = await openNode(readConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'silent', ENGINE: 'none', ...NODE_ENV }));
  const alice = await givenMember(node.orm.em.fork(), 'alice');
  const workOf = () => node.openWork(viewerOf(alice));
  const { hashGate } = node;
  const limits = { maxImageBytes: 50_000_000, minFreeBytes: 0, defaultQuotaBytes: 1_000_000_000, hashGate };
  const draft = await createDraft(workOf(), { versionId: 0 });
  await addImage(workOf(), limits, { postId: draft.id, source: await picture(), level: 1, altText: 'Noise' });
  await node.close();
  const file = await openFile(join(dataDir, 'tessera.sqlite'));
  await file.run('pragma synchronous = off; begin');
  let id = 1_000_000;
  for (const host of hosts) {
    const [accounts, actors, follows]: [string[], string[], string[]] = [[], [], []];
    for (let n = 0; n < INBOXES; n += 1) {
      id += 1;
      const uri = `http://${host}/users/u${n}`;
      accounts.push(`(${id}, '${host}', 'u${n}', 'U', '', '[]', 0, '${uri}', 1700000000000)`);
      actors.push(`(${id}, '${uri}/inbox', '[]', '{}', 1700000000000)`);
      follows.push(`('f${id}', ${id}, ${alice.id}, 'accepted', 1700000000000)`);
    }
    await file.run(`insert into account (id, host, name, display_name, bio, links, permissions, uri, created_at)
        values ${accounts.join(', ')};
      insert into remote_actor (account_id, inbox_uri, keys, document, fetched_at) values ${actors.join(', ')};
      insert into follow (id, follower_id, target_id, state, created_at) values ${follows.join(', ')}`);
  }
  await file.run('commit; analyze');
  await file.close();
}

/** A fresh copy of the node publishes the post; the time until the last good inbox has it. */
async function tellAll(dataset: string, town: Town, good: number): Promise<Round> {
  const dataDir = `${dataset}-now`;
  cpSync(dataset, dataDir, { recursive: true });
  const server = await startNode(dataDir, ['web', 'worker'], NODE_ENV);
  town.forget();
  const browser = new Browser(server.url);
  await browser.signIn('alice');
  await untilIdle(server);
  const heard = town.heard(good);
  const before = cpuMsOf(server.child.pid);
  const startedAt = performance.now();
  const answer = await browser.post('/posts/1/publication', { title: 'A valley', visibility: 'public' });
  if (answer.status !== 302) throw new Error(`publishing answered ${answer.status}: ${answer.text.slice(0, 2_000)}`);
  const ms = (await heard) - startedAt;
  const cpuMs = cpuMsOf(server.child.pid) - before;
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  const peakMb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
  await server.stop();
  await rm(dataDir, { recursive: true });
  return { ms, cpuMs, peakMb };
}
