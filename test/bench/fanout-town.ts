import { createServer } from 'node:http';
import { type AddressInfo, createServer as createPlainServer, type Server } from 'node:net';

/** Hosts on as many addresses of the loopback network: good ones count what arrives, dead ones refuse or hang. */
export interface Town {
  /** `127.0.x.y:port`, from nothing; each is a host of its own, with a budget of its own. */
  goodHost(n: number): string;
  /** Every other one refuses the connection, the rest take it and never say a word. */
  deadHost(n: number): string;
  /** Resolves when so many distinct inboxes of good hosts heard something, with the time. */
  heard(count: number): Promise<number>;
  forget(): void;
  /** Connections to dead hosts. */
  readonly knocks: { dead: number };
  close(): void;
}

const addressOf = (net: number, n: number): string => `127.0.${net + Math.floor(n / 250)}.${1 + (n % 250)}`;

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((done) => server.listen(0, '0.0.0.0', 4_096, done));
  return (server.address() as AddressInfo).port;
};

export async function openFanoutTown(): Promise<Town> {
  const seen = new Set<string>();
  const knocks = { dead: 0 };
  let wanted = 0;
  let tell: ((at: number) => void) | null = null;
  const good = createServer((incoming, response) => {
    incoming.resume().on('end', () => {
      response.writeHead(202).end();
      seen.add(`${incoming.headers.host}${incoming.url}`);
      if (tell && seen.size === wanted) tell(performance.now());
    });
  });
  const hanging = createPlainServer((socket) => {
    knocks.dead += 1;
    socket.on('error', () => socket.destroy());
  });
  const refusing = createPlainServer();
  const [goodPort, hangingPort, refusedPort] = [await listen(good), await listen(hanging), await listen(refusing)];
  await new Promise((done) => refusing.close(done));
  return {
    knocks,
    goodHost: (n) => `${addressOf(20, n)}:${goodPort}`,
    deadHost: (n) => `${addressOf(120, n)}:${n % 2 === 0 ? hangingPort : refusedPort}`,
    heard: (count) =>
      new Promise((done) => {
        wanted = count;
        tell = done;
        if (seen.size >= count) done(performance.now());
      }),
    forget: () => {
      seen.clear();
      tell = null;
    },
    close() {
      good.close();
      good.closeAllConnections();
      hanging.close();
    },
  };
}
