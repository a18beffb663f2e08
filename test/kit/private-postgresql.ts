import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { freePort } from '../../src/kit/net/free-port.ts';
import { unlessRequired } from './private-redis.ts';
import { until } from './queue-setup.ts';

/** Debian keeps the programs of the server out of PATH, for each version in a folder of its own. */
const DEBIAN = '/usr/lib/postgresql';
const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
const folders = [
  ...versions.map((version) => path.join(DEBIAN, version, 'bin')),
  ...(process.env.PATH ?? '').split(':'),
];
const programs = folders.find((folder) => existsSync(path.join(folder, 'initdb'))) ?? null;

/** PostgreSQL refuses to run as root. */
const numberOf = (which: '-u' | '-g'): number => Number(spawnSync('id', [which, 'postgres']).stdout || Number.NaN);
const isRoot = process.getuid?.() === 0;
const owner = isRoot ? { uid: numberOf('-u'), gid: numberOf('-g') } : {};

/** Why there is none, or false. */
export const noPostgresqlServer: string | false = unlessRequired(
  (programs === null && 'there are no programs of a PostgreSQL server here (initdb, postgres)') ||
    (isRoot && Number.isNaN(owner.uid) && 'PostgreSQL does not run as root, and there is no user postgres'),
);

/** A PostgreSQL of its own, to be treated badly. */
export interface PrivatePostgresql {
  newDatabase(): Promise<URL>;
  /** Keeps everybody from writing into this table until the server dies; returns what says whether somebody waits. */
  lock(database: URL, table: string): Promise<() => Promise<boolean>>;
  /** SIGKILL: as when the machine has no more memory. */
  kill(): Promise<void>;
  /** On what the one before left. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

export async function startPostgresql(): Promise<PrivatePostgresql> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tessera-postgresql-'));
  if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid ?? 0);
  const data = path.join(folder, 'data');
  const program = (name: string) => path.join(programs ?? '', name);
  const started = { ...owner, cwd: folder, env: { ...process.env, LC_ALL: 'C' } };
  const made = spawnSync(program('initdb'), ['-D', data, '-U', 'tessera', '-A', 'trust', '-E', 'UTF8', '-N'], started);
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort('127.0.0.1', 0);
  const url = new URL(`postgresql://tessera@127.0.0.1:${port}/postgres`);
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
  let server: ChildProcess | null = null;
  const isGone = () => server === null || server.exitCode !== null || server.signalCode !== null;

  const connect = async (database: URL): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: database.href });
    client.on('error', () => {}); // it dies with the server
    await client.connect();
    return client;
  };
  const restart = () =>
    until(
      'PostgreSQL answers',
      async () => {
        // one that was just killed leaves its children for a moment, beside which a new one refuses to begin
        if (isGone()) server = spawn(program('postgres'), args, { ...started, stdio: 'ignore' });
        return connect(url).then(
          (client) => client.end().then(() => true),
          () => false,
        );
      },
      30_000,
    );
  const end = async (signal: 'SIGKILL' | 'SIGINT') => {
    if (server === null || isGone()) return;
    const gone = once(server, 'exit');
    server.kill(signal);
    await gone;
  };
  await restart();
  let serial = 0;
  return {
    newDatabase: async () => {
      const database = new URL(url);
      serial += 1;
      database.pathname = `/test_${serial}`;
      const client = await connect(url);
      await client.query(`create database test_${serial}`);
      await client.end();
      return database;
    },
    lock: async (database, table) => {
      const client = await connect(database);
      await client.query('begin');
      await client.query(`lock table ${table} in share mode`);
      return async () => (await client.query('select 1 from pg_locks where not granted')).rowCount !== 0;
    },
    kill: () => end('SIGKILL'),
    restart,
    end: async () => {
      await end('SIGINT');
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
