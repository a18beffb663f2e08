import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { isPublicAddress } from '../../src/kit/net/addresses.ts';
import { makeAuthority } from '../federation/attacks/certificates.ts';
import type { TestNodeOptions } from '../node.ts';

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Receiver {
  /** The options of a node that reaches it, and no other private socket. */
  readonly options: Pick<TestNodeOptions, 'net'>;
  readonly received: Received[];
  url(path: string, host?: string): string;
  /** What it answers from now on. */
  answer: number;
}

/** A real https server of somebody else, by the names `push.example`, `hook.example` and `inside.example`, which is private. */
export async function openReceiver(t: TestContext): Promise<Receiver> {
  const authority = makeAuthority();
  const received: Received[] = [];
  const receiver = { answer: 201 };
  const server = createServer({ ...authority.issue(['push.example', 'hook.example']) }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ path: request.url ?? '', headers, body: Buffer.concat(chunks) });
      response.writeHead(receiver.answer, receiver.answer === 302 ? { location: 'https://inside.example/' } : {}).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const reach = {
    allowAddress: (address: string, to: number) => isPublicAddress(address) || (address === '127.0.0.1' && to === port),
    ...{ anyPort: true, plainHttp: false, localNames: false },
  };
  const resolve = async (name: string) => (name === 'inside.example' ? ['10.0.0.8'] : ['127.0.0.1']);
  return Object.assign(receiver, {
    options: { net: { reach, resolve, ca: authority.certificatePem } },
    received,
    url: (path: string, host = 'push.example') => `https://${host}:${port}${path}`,
  });
}
