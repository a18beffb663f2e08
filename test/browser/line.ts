import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface Line {
  readonly address: URL;
  /** Lets so many more bytes reach the node, and holds the rest back. */
  hold(afterBytes: number): void;
  /** Lets everything through again. */
  free(): void;
  /** Breaks every connection, as a router does that loses its power. */
  cut(): void;
}

/** The way to a node, in the hands of the test. */
export async function openLine(t: TestContext, node: URL): Promise<Line> {
  const sockets = new Set<Socket>();
  const callers = new Set<Socket>();
  let roomBytes = Number.POSITIVE_INFINITY;
  const server = createServer((caller) => {
    const called = connect(Number(node.port), node.hostname);
    callers.add(caller);
    for (const [one, other] of [
      [caller, called],
      [called, caller],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        other.destroy();
        sockets.delete(one);
        callers.delete(one);
      });
    }
    called.on('data', (bytes) => caller.write(bytes));
    caller.on('data', (bytes) => {
      called.write(bytes);
      roomBytes -= bytes.length;
      if (roomBytes <= 0) caller.pause();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    server.close();
    // one that is taken in now would keep the process of the test alive
    server.removeAllListeners('connection').on('connection', (late: Socket) => late.destroy());
    cut();
  });
  return {
    address: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    hold: (afterBytes) => {
      roomBytes = afterBytes;
    },
    free: () => {
      roomBytes = Number.POSITIVE_INFINITY;
      for (const caller of callers) caller.resume();
    },
    cut,
  };
}
