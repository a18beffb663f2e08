import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Account, Follow } from '../../src/accounts/model.ts';
import { readStanding, StandingWatch } from '../../src/compute/standing.ts';
import { NoticePeer } from '../../src/federation/notices/model.ts';
import { Image, ImageSize, Post } from '../../src/gallery/model.ts';
import { readConfig } from '../../src/kit/config.ts';
import { newId } from '../../src/kit/ids.ts';
import { makeLog } from '../../src/kit/log.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { startTakedown } from '../../src/moderation/takedown/start.ts';
import { executeTakedown } from '../../src/moderation/takedown/worker.ts';
import { type Node, openNode } from '../../src/node.ts';
import { decide, RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { takedownStepsOf } from '../../src/wiring.ts';
import { report } from './report.ts';

const CHECK_GOAL_US = 50;
const TAKEDOWN_GOAL_S = 60;
const PER_POST = 20;

async function withNode(act: (node: Node) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  const settings = { PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'silent', ENGINE: 'none', MIN_FREE_MB: '0' };
  const node = await openNode(readConfig(settings), { log: makeLog('silent') });
  try {
    await act(node);
  } finally {
    await node.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** What each step of a sampler pays: the question to the epoch that was read within the second, and the judgement. */
export async function policyCheckBench(): Promise<void> {
  await withNode(async (node) => {
    const em = node.orm.em.fork();
    for (let id = 1; id <= 1_000; id += 1)
      await em.transactional((tx) =>
        restrict(tx, { kind: 'version', id }, 'decision:x', RESTRICTION.train, new Date()),
      );
    const leaning = { accountId: 1, versionIds: [1, 2, 3, 4], act: 'generate' } as const;
    const standing = await readStanding(em, leaning);
    const watch = new StandingWatch(() => node.orm.em.fork(), leaning, standing);
    const subject = { ownerId: 1, state: 'published', isForViewer: true, restrictions: standing.restrictions } as const;
    const checks = 200_000;
    let allowed = 0;
    const startedAt = performance.now();
    for (let n = 0; n < checks; n += 1) {
      watch.step();
      if (decide('generate', { id: 2, permissions: 0 }, subject).allowed) allowed += 1;
    }
    const checkUs = ((performance.now() - startedAt) * 1000) / checks;
    if (allowed !== checks) throw new Error('a check was refused');
    report('policy-check-us', checkUs, 'µs');
    report('policy-check-ratio', CHECK_GOAL_US / checkUs);
    const reads = 2_000;
    const readAt = performance.now();
    for (let n = 0; n < reads; n += 1) await readStanding(node.orm.em.fork(), leaning);
    report('policy-read-us', ((performance.now() - readAt) * 1000) / reads, 'µs');
  });
}

/**
 * Every picture of an account with its sizes, from the decision to the end of the last step, when a notice waits for each
 * of the hosts that have them; delivering those is `fanout`'s to measure.
 */
export async function takedownBench(): Promise<void> {
  const [imageCount, hostCount] = process.env.BENCH_SIZE === 'ci' ? [100, 1_000] : [1_000, 10_000];
  await withNode(async (node) => {
    const accountId = await fill(node, imageCount);
    await expose(node, accountId, hostCount);
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    let most = before;
    const looking = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 50);
    const request = { caseId: null, target: { kind: 'account', id: accountId }, outcome: 'remove' } as const;
    const id = await node.orm.em
      .fork()
      .transactional(async (tx) => startTakedown(tx, { ...request, category: 'ncii', parameters: {} }, new Date()));
    const startedAt = performance.now();
    const waiting = await executeTakedown(node.openWork(null), takedownStepsOf(node), { error: console.error }, id);
    const seconds = (performance.now() - startedAt) / 1000;
    clearInterval(looking);
    const { state } = await node.orm.em.fork().findOneOrFail(Takedown, id);
    const told = await node.orm.em.fork().count(NoticePeer, {});
    let left = 0;
    for await (const _blob of node.files.list()) left += 1;
    if (waiting > 0 || state !== 'done' || left > 0 || told !== hostCount)
      throw new Error(`${state}, ${left} blobs are left, ${told} hosts are to be told`);
    const name = imageCount === 1_000 ? 'takedown-1000-images' : `takedown-${imageCount}-images`;
    report(`${name}-s`, seconds, 's');
    report(`${name}-ratio`, TAKEDOWN_GOAL_S / seconds);
    report(`${name}-rss-mb`, (most - before) / 1e6, 'MB');
  });
}

async function fill(node: Node, imageCount: number): Promise<number> {
  const em = node.orm.em.fork();
  const at = new Date();
  const account = em.create(Account, { name: 'ada', createdAt: at } as never, { persist: true });
  await em.flush();
  const put = async (bytes: number) => (await node.files.put(randomBytes(bytes))).sha256;
  for (let made = 0; made < imageCount; ) {
    const post = em.create(
      Post,
      {
        ...{ owner: account, state: 'published', publishedAt: at, listedAt: at, shownAt: at, level: 1 },
        ...{ createdAt: at, updatedAt: at },
      },
      { persist: true },
    );
    for (let position = 0; position < PER_POST && made < imageCount; position += 1, made += 1) {
      const image = em.create(
        Image,
        {
          ...{ post, owner: account, position, mediaType: 'image/png', width: 512, height: 512, level: 1 },
          ...{ sha256: await put(100_000), cleanSha256: await put(100_000), renderedAt: at, createdAt: at },
          ...{ listedAt: at, shownAt: at },
        },
        { persist: true },
      );
      for (const targetWidth of [320, 640, 1280, 0])
        for (const format of ['webp', 'avif'] as const) {
          const size = { targetWidth, format, totalBytes: 5_000, width: 320, height: 320 };
          em.create(ImageSize, { image, ...size, sha256: await put(5_000) }, { persist: true });
        }
    }
    await em.flush();
  }
  return account.id;
}

/** A follower on each of so many hosts. */
async function expose(node: Node, accountId: number, hostCount: number): Promise<void> {
  const at = new Date();
  for (let made = 0; made < hostCount; ) {
    const em = node.orm.em.fork();
    for (let one = 0; one < 500 && made < hostCount; one += 1, made += 1) {
      const host = `h${made}.example`;
      const uri = `https://${host}/users/fan`;
      const facts = { name: 'fan', host, uri, createdAt: at };
      const follower = em.create(Account, facts as never, { persist: true });
      em.create(
        Follow,
        {
          id: newId(),
          follower,
          target: em.getReference(Account, accountId),
          state: 'accepted',
          createdAt: at,
        } as never,
        { persist: true },
      );
    }
    await em.flush();
  }
}
