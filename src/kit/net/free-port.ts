import { createServer } from 'node:net';
import { AppError } from '../errors.ts';

/** The wanted port of this address, or any free one where it is taken. Throws `unavailable` when none can be had. */
export async function freePort(host: string, wanted: number): Promise<number> {
  const port = (await tryPort(host, wanted)) ?? (await tryPort(host, 0));
  if (port !== null) return port;
  throw new AppError('unavailable', `Nothing can listen on ${host} here. On macOS: sudo ifconfig lo0 alias ${host} up`);
}

const tryPort = (host: string, port: number): Promise<number | null> =>
  new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(null));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' ? (address?.port ?? null) : null));
    });
  });
