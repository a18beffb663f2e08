import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { followAccount } from '../accounts/follow.ts';
import { resolveAccount } from '../federation/actors/resolve.ts';
import { Post } from '../gallery/model.ts';
import { addComment } from '../gallery/talk/comments.ts';
import { like } from '../gallery/talk/likes.ts';
import { readConfig } from '../kit/config.ts';
import { AppError } from '../kit/errors.ts';
import { randomToken } from '../kit/ids.ts';
import { freePort } from '../kit/net/free-port.ts';
import { becomeQuiet } from '../operator/demo/quiet.ts';
import { furnish, type Settler, settle, workOf } from '../operator/demo/seed.ts';
import { TOWNS, type Town } from '../operator/demo/towns.ts';
import type { CommandNode, Shell } from './program.ts';

const PATIENCE_MS = 600_000;

export function addDemoCommands(program: Command, shell: Shell): void {
  program
    .command('demo')
    .description('start two nodes on 127.0.0.1 and 127.0.0.2 with people, models, pictures and a follow between them')
    .option('--port <port>', 'port of the first node; the second takes the next one', '3001')
    .option('--dir <folder>', 'where their data goes; a new temporary folder otherwise')
    .action(async ({ port, dir }: Record<string, string>) => runDemo(shell, Number(port), dir ?? null));
  program
    .command('seed')
    .description('fill the configured node with the people, models and pictures of the demo')
    .action(async () => {
      const node = await shell.openNode();
      await node.start(['worker']);
      const [town] = TOWNS;
      const settlers = await settle(node, town, randomToken(9));
      await furnish(node, town, settlers);
      await becomeQuiet([() => node.openWork(null)], PATIENCE_MS);
      const people = settlers.map(({ name, email, password }) => ({ name, email, password }));
      shell.answer(
        { people },
        people.map(({ name, password }) => `@${name}  ${password}`),
      );
    });
}

interface Place {
  readonly node: CommandNode;
  readonly town: Town;
  readonly origin: string;
  readonly settlers: readonly Settler[];
}

/** Runs until it is told to stop. */
async function runDemo(shell: Shell, firstPort: number, dir: string | null): Promise<void> {
  if (!Number.isInteger(firstPort) || firstPort < 1 || firstPort > 65_534) {
    throw new AppError('invalid', '--port: a number from 1 to 65534.');
  }
  const folder = dir ?? (await mkdtemp(join(tmpdir(), 'tessera-demo-')));
  const password = randomToken(9);
  const places: Place[] = [];
  for (const [n, town] of TOWNS.entries()) {
    const host = `127.0.0.${n + 1}`;
    places.push(await openPlace(shell, town, host, await freePort(host, firstPort + n), join(folder, host), password));
  }
  const [here, there] = places;
  if (!here || !there) return;
  shell.note('Making pictures, publishing, and waiting until both nodes have told each other …');
  await followAcross(here, there);
  await followAcross(there, here);
  await becomeQuiet([openWorkOf(here), openWorkOf(there)], PATIENCE_MS);
  for (const { node, town, settlers } of places) await furnish(node, town, settlers);
  await becomeQuiet([openWorkOf(here), openWorkOf(there)], PATIENCE_MS);
  await talkAcross(here);
  await talkAcross(there);
  await becomeQuiet([openWorkOf(here), openWorkOf(there)], PATIENCE_MS);

  const nodes = places.map(({ origin, town, settlers }) => ({
    name: town.nodeName,
    url: origin,
    people: settlers.map(({ name, email, account }) => ({ name, email, password, role: account.role })),
  }));
  shell.answer({ folder, nodes }, [
    ...nodes.flatMap(({ name, url, people }) => [
      '',
      `  ${name}: ${url}`,
      ...people.map((person) => `    ${person.name.padEnd(8)} ${person.password}   ${person.role}`),
    ]),
    '',
    `  Their data is in ${folder}. Ctrl+C stops both.`,
  ]);
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop());
    process.once('SIGTERM', () => stop());
  });
}

const openWorkOf =
  ({ node }: Place) =>
  () =>
    node.openWork(null);

async function openPlace(
  shell: Shell,
  town: Town,
  host: string,
  port: number,
  dataDir: string,
  password: string,
): Promise<Place> {
  const origin = `http://${host}:${port}`;
  const config = readConfig({
    HOST: host,
    PORT: String(port),
    PUBLIC_URL: origin,
    DATA_DIR: dataDir,
    FEDERATION_PRIVATE_ADDRESSES: 'true',
    MIN_FREE_MB: '100',
    // the models of the demo are too small to generate with
    ENGINE: 'none',
  });
  const node = await shell.openAnother(config);
  await node.start(['web', 'worker']);
  return { node, town, origin, settlers: await settle(node, town, password) };
}

/** Everybody here follows everybody there, as a person would: by handle. */
async function followAcross(here: Place, there: Place): Promise<void> {
  const host = new URL(there.origin).host;
  for (const { account } of here.settlers) {
    for (const { name } of there.settlers) {
      const found = await resolveAccount(workOf(here.node, account), here.node.federation, `@${name}@${host}`);
      if (!found) throw new AppError('unavailable', `${here.origin} did not find @${name}@${host}.`);
      await followAccount(workOf(here.node, account), found.id);
    }
  }
}

/** Likes and remarks under what came from the other node. */
async function talkAcross({ node, town, settlers }: Place): Promise<void> {
  const posts = await node.openWork(null).em.find(Post, { isLocal: false, state: 'published' }, { limit: 6 });
  for (const [n, post] of posts.entries()) {
    const settler = settlers[n % settlers.length];
    if (!settler) continue;
    const { account } = settler;
    const text = town.remarks[n % town.remarks.length] ?? '';
    await like(workOf(node, account), account, { kind: 'post', id: post.id });
    await addComment(workOf(node, account), account, { kind: 'post', id: post.id }, { text });
  }
}
