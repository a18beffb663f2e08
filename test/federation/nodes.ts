import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import type { Account } from '../../src/accounts/model.ts';
import type { Role } from '../../src/accounts/permissions.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { type TestNode, type TestNodeOptions, testNode } from '../node.ts';

export interface Peer extends TestNode {
  readonly origin: string;
  /** What stands after `@name@`. */
  readonly host: string;
  /** Makes a member and signs them in with a browser of their own. */
  member(name: string, role?: Role): Promise<{ account: Account; browser: Browser }>;
}

/** A whole node that listens on this loopback address, as another machine would. */
export async function peerNode(
  t: TestContext,
  address: string,
  env: Readonly<Record<string, string>> = {},
  options: Pick<TestNodeOptions, 'realTime'> = {},
): Promise<Peer> {
  const port = await freePort(address);
  const origin = `http://${address}:${port}`;
  const node = await testNode(t, {
    ...options,
    env: { HOST: address, PORT: String(port), PUBLIC_URL: origin, FEDERATION_PRIVATE_ADDRESSES: 'true', ...env },
  });
  await node.start('web', 'worker');
  return {
    ...node,
    origin,
    host: `${address}:${port}`,
    async member(name, role = 'member') {
      const account = await givenMember(node.em, name, { role });
      const browser = new Browser(new URL(origin));
      await browser.signIn(name);
      return { account, browser };
    },
  };
}

/** Until nothing that follows from anything is left to do on any of them. */
export async function settleAll(...peers: readonly Peer[]): Promise<void> {
  for (let round = 0; round < 4; round += 1) for (const peer of peers) await peer.settle();
}

export async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, address, done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
