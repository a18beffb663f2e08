import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { freePort } from '../../src/kit/net/free-port.ts';
import { until } from './queue-setup.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A skipped server is a failure where TESSERA_REQUIRE_SERVERS is set, as in .ci/run. */
export function unlessRequired(why: string | false): string | false {
  if (why && process.env.TESSERA_REQUIRE_SERVERS) throw new Error(why);
  return why;
}

/** Why there is none, or false. */
export const noRedisServer: string | false = unlessRequired(
  spawnSync('redis-server', ['--version']).status !== 0 && 'there is no redis-server here',
);

interface PrivateRedis {
  readonly url: URL;
  readonly client: Redis;
  /** SIGKILL: what it held is forgotten. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** A Redis of its own, to be treated badly; gone at the end of the test. */
export async function privateRedis(t: TestContext): Promise<PrivateRedis> {
  const port = await freePort('127.0.0.1', 0);
  const folder = await temporaryFolder(t);
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const run = (): ChildProcess => spawn('redis-server', args, { stdio: 'ignore' });
  let server = run();
  const url = new URL(`redis://127.0.0.1:${port}/0`);
  const client = new Redis(url.href, { maxRetriesPerRequest: null });
  client.on('error', () => {}); // until it listens
  t.after(() => {
    client.disconnect();
    server.kill('SIGKILL');
  });
  const answers = () => until('Redis answers', async () => (await client.ping()) === 'PONG');
  await answers();
  return {
    url,
    client,
    kill: async () => {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
    },
    restart: async () => {
      server = run();
      await answers();
    },
  };
}
