import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';

/** What the suite itself opens is no connection of the node, though both live in one process. */
const ours = new AsyncLocalStorage<true>();

/** Runs what the suite itself sends. */
export const asSuite = <T>(run: () => T): T => ours.run(true, run);

/** Every address that the process tries to connect to, and every UNIX socket, except those of `asSuite`. */
export const attempts: string[] = [];

/** Where the node itself listens: browsers of the suite go there. That the node does not is seen by what it looks up. */
export const ownDoors = new Set<string>();

const connect = Socket.prototype.connect;
function watched(this: Socket, ...given: unknown[]): Socket {
  if (ours.getStore() !== true) {
    this.on('connectionAttempt', (ip: string, port: number) => {
      const target = `${ip}:${port}`;
      if (!isDatabase(port) && !ownDoors.has(target)) attempts.push(target);
    });
    const [first] = given.flat() as ({ path?: unknown } | undefined)[];
    if (typeof first?.path === 'string') attempts.push(`unix:${first.path}`);
  }
  return Reflect.apply(connect, this, given) as Socket;
}
Socket.prototype.connect = watched as typeof connect;

const database = process.env.TEST_DATABASE_URL;
const databasePort = database === undefined ? 0 : Number(new URL(database).port || 5432);
const isDatabase = (port: number): boolean => port === databasePort;
