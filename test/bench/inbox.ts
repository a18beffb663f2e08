import { cpSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireFedify } from '../federation/fedify/start.ts';
import { storedObjects } from './inbox-objects.ts';
import { openTown, shootPosts, signedPosts } from './inbox-posts.ts';
import { median, report } from './report.ts';
import { cpuMsOf, type Server, startNode, startServer, untilIdle } from './server.ts';

/** Whom the posts are signed for: what the nodes call themselves, wherever they listen. */
const PUBLIC_URL = 'http://127.0.0.1:9';
const NODE_ENV = { PUBLIC_URL, FEDERATION_PRIVATE_ADDRESSES: 'true', MIN_FREE_MB: '0' };
const ROUNDS = 3;
const SIZES = { full: { posts: 4_000, stored: 1_000_000 }, ci: { posts: 800, stored: 100_000 } } as const;

interface Rounds {
  readonly server: Server;
  readonly perSecond: number[];
  readonly cpuMs: number[];
}

/**
 * Signed posts to the inbox of a whole node, web and worker in one process, against a Fedify server and against the same
 * node with a million objects stored: the same requests to each, one core each, in turn.
 */
export async function inboxBench(): Promise<void> {
  const { posts, stored } = SIZES[process.env.BENCH_SIZE === 'ci' ? 'ci' : 'full'];
  const fedify = requireFedify();
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-inbox-'));
  const town = await openTown();
  cpSync(await storedObjects(stored), join(folder, 'full'), { recursive: true });
  const processes = ['web', 'worker'];
  const empty = startRounds(await startNode(join(folder, 'empty'), processes, NODE_ENV));
  const full = startRounds(await startNode(join(folder, 'full'), processes, NODE_ENV));
  const theirs = startRounds(
    await startServer([fedify.script], { DATABASE_FILE: join(folder, 'fedify.sqlite') }, { program: fedify.node }),
  );
  const all = [empty, full, theirs];

  const warmUp = signedPosts(town.actors, 600, PUBLIC_URL);
  for (const { server } of all) {
    await shootPosts(Number(server.url.port), warmUp, 20);
    await untilIdle(server);
  }
  const drained: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const batch = signedPosts(town.actors, posts, PUBLIC_URL);
    for (const { server, perSecond, cpuMs } of all) {
      const startedAt = performance.now();
      const before = cpuMsOf(server.child.pid);
      perSecond.push(await shootPosts(Number(server.url.port), batch));
      cpuMs.push((cpuMsOf(server.child.pid) - before) / posts);
      // what is left in the queue would run while the next one is measured
      const idleAt = await untilIdle(server);
      if (server === empty.server) drained.push(posts / ((idleAt - startedAt) / 1_000));
    }
  }
  for (const { server } of all) await server.stop();
  town.close();
  await rm(folder, { recursive: true, force: true });

  report('inbox-rps', median(empty.perSecond), 'requests/s');
  report('inbox-cpu-ms', median(empty.cpuMs), 'ms');
  report('inbox-processed-rps', median(drained), 'activities/s');
  report('inbox-fedify-rps', median(theirs.perSecond), 'requests/s');
  report('inbox-fedify-cpu-ms', median(theirs.cpuMs), 'ms');
  report('inbox-fedify-ratio', median(empty.perSecond) / median(theirs.perSecond));
  // the same by processor time, which a machine that is shared with others changes less
  report('inbox-fedify-cpu-ratio', median(theirs.cpuMs) / median(empty.cpuMs));
  report('inbox-full-rps', median(full.perSecond), 'requests/s');
  report('inbox-full-ratio', median(full.perSecond) / median(empty.perSecond));
}

const startRounds = (server: Server): Rounds => ({ server, perSecond: [], cpuMs: [] });
