import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { freePort } from '../../src/kit/net/free-port.ts';
import { until } from './queue-setup.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Why there is none, or false. */
export const noRedisServer: string | false =
  spawnSync('redis-server', ['--version']).status !== 0 && 'there is no redis-server here';

/** A Redis of its own, to be treated badly; gone at the end of the test. */
export async function privateRedis(t: TestContext): Promise<{ url: URL; client: Redis; server: ChildProcess }> {
  const port = await freePort('127.0.0.1', 0);
  const folder = await temporaryFolder(t);
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder], {
    stdio: 'ignore',
  });
  const url = new URL(`redis://127.0.0.1:${port}/0`);
  const client = new Redis(url.href, { maxRetriesPerRequest: null });
  client.on('error', () => {}); // until it listens
  t.after(() => {
    client.disconnect();
    server.kill('SIGKILL');
  });
  await until('Redis answers', async () => (await client.ping()) === 'PONG');
  return { url, client, server };
}
