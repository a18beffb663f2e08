import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/core';
import { modelPublished } from '../../src/catalogue/events.ts';
import { readConfig } from '../../src/kit/config.ts';
import { rows, toNumber } from '../../src/kit/database/sql.ts';
import { record } from '../../src/kit/events/events.ts';
import { makeLog } from '../../src/kit/log.ts';
import { openNode } from '../../src/node.ts';
import { givenAccount, givenModel, givenVersion } from '../factories/content.ts';
import { median, report } from './report.ts';

const FOLLOWERS = process.env.BENCH_SIZE === 'ci' ? 2_000 : 10_000;
const ROUNDS = 3;

/**
 * A creator with ten thousand followers publishes a model: the time from the event to the last row that tells somebody.
 * One follower in ten has settings of their own, one in fifty mutes or blocks the creator, one in twenty has a browser that is pushed to.
 */
export async function notifyBench(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tessera-bench-notify-'));
  const settings = { PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'silent', ENGINE: 'none', MIN_FREE_MB: '0' };
  const node = await openNode(readConfig(settings), { log: makeLog('silent') });
  try {
    const em = node.orm.em.fork();
    const creator = givenAccount(em);
    const now = new Date();
    const models = Array.from({ length: ROUNDS }, () => givenModel(em, { owner: creator, publishedAt: now }));
    for (const model of models) givenVersion(em, { model, publishedAt: now });
    await em.flush();
    await fillFollowers(em, creator.id);
    const wanted = FOLLOWERS - Math.floor(FOLLOWERS / 50);
    await node.start(['worker']);
    const times: number[] = [];
    for (const model of models) {
      const startedAt = performance.now();
      record(em, modelPublished, { modelId: model.id });
      await em.flush();
      while ((await toldOf(em.fork(), model.id)) < wanted) await new Promise((done) => setTimeout(done, 5));
      times.push((performance.now() - startedAt) / 1_000);
      const told = await toldOf(em.fork(), model.id);
      if (told !== wanted) throw new Error(`${told} were told, and ${wanted} follow and want to hear`);
    }
    report('notify-10k-s', median(times), 's');
  } finally {
    await node.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

const toldOf = async (em: EntityManager, modelId: number): Promise<number> =>
  toNumber(
    (await rows<{ n: unknown }>(em, 'select count(*) as n from notification where key = ?', [`model:${modelId}`]))[0]
      ?.n,
  );

async function fillFollowers(em: EntityManager, creatorId: number): Promise<void> {
  const at = Date.now();
  const numbers = `with recursive f(n) as (select 1 union all select n + 1 from f where n < ${FOLLOWERS})`;
  const insert = (sql: string) => rows(em, `${sql} returning 1 as one`);
  await insert(`insert into account (id, host, name, bio, links, created_at)
      select 100000 + n, '', 'f' || n, '', '[]', ${at} from (${numbers} select n from f) z where true`);
  await insert(`insert into follow (id, follower_id, target_id, state, created_at)
      select 'follow-' || n, 100000 + n, ${creatorId}, 'accepted', ${at} from (${numbers} select n from f) z where true`);
  await insert(`insert into notification_setting (account_id, digest, digest_at)
      select 100000 + n, 'daily', ${at} from (${numbers} select n from f) z where n % 10 = 1`);
  await insert(`insert into block (id, account_id, target_id, kind, created_at)
      select 'block-' || n, 100000 + n, ${creatorId}, 'mute', ${at} from (${numbers} select n from f) z where n % 50 = 0`);
  await insert(`insert into push_subscription (id, account_id, endpoint, p256dh, auth, created_at)
      select '00000000-0000-4000-8000-' || substr('000000000000' || n, -12), 100000 + n, 'https://push.invalid/' || n, 'x', 'y', ${at}
      from (${numbers} select n from f) z where n % 20 = 3`);
}
