import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** The Node that Fedify asks for: the one that is installed beside it, or the one that runs the tests. */
function fedifyNode(): string | null {
  if (!existsSync(`${FOLDER}node_modules/@fedify/fedify`)) return null;
  const own = `${FOLDER}node_modules/node-linux-${process.arch}/bin/node`;
  if (process.platform === 'linux' && existsSync(own)) return own;
  return Number(process.versions.node.split('.')[0]) >= 22 ? process.execPath : null;
}

/** Why a test of Fedify is skipped; false where it is there. With TESSERA_REQUIRE_FEDIFY a missing one is a failure. */
export function fedifySkip(): string | false {
  if (fedifyNode() !== null) return false;
  const why = 'Fedify is not installed: npm run fedify:install';
  if (process.env.TESSERA_REQUIRE_FEDIFY) throw new Error(why);
  return why;
}

/** For benchmarks, which install it where it is missing: their figures are a comparison. */
export function requireFedify(): { node: string; script: string } {
  if (fedifyNode() === null) execFileSync('npm', ['run', 'fedify:install'], { stdio: 'inherit' });
  const node = fedifyNode();
  if (node === null) throw new Error('Fedify needs Node 22, and none could be installed for this machine.');
  return { node, script: `${FOLDER}inbox-server.mjs` };
}

export type SignatureScheme = 'draft-cavage-http-signatures-12' | 'rfc9421';

/** An activity as Fedify understood it. */
export interface FedifyReceived {
  readonly type: string;
  readonly id: string | null;
  readonly actor: string | null;
  readonly objectId: string | null;
  readonly objectType: string | null;
  readonly content: string | null;
  readonly inReplyTo: string | null;
  readonly innerObjectId: string | null;
  readonly attachments: readonly {
    readonly type: string;
    readonly url: string;
    readonly mediaType: string;
    readonly name: string | null;
    readonly size: readonly [number, number];
  }[];
  readonly tags: readonly string[];
}

interface FedifyNote {
  readonly to: string;
  readonly id: string;
  readonly content: string;
  readonly publishedAt: string;
  readonly inReplyTo?: string;
  readonly withPicture?: boolean;
}

interface Acts {
  lookUp(input: { url: string }): Promise<{
    readonly subject: string;
    readonly self: string;
    readonly type: string;
    readonly id: string;
    readonly name: string;
    readonly keys: readonly string[];
  }>;
  follow(input: { to: string }): Promise<string>;
  like(input: { to: string; object: string }): Promise<string>;
  announce(input: { to: string; object: string }): Promise<string>;
  undo(input: { to: string; id: string }): Promise<string>;
  create(input: FedifyNote): Promise<string>;
  update(input: FedifyNote & { updatedAt: string }): Promise<string>;
  remove(input: { to: string; id: string }): Promise<string>;
  read(input: { url: string }): Promise<{
    readonly type: string | null;
    readonly hasReplies: boolean;
    readonly replies: readonly string[];
  }>;
  received(): Promise<readonly FedifyReceived[]>;
  sent(): Promise<readonly { method: string; url: string; scheme: string; status: number }[]>;
  knocks(): Promise<readonly { path: string; scheme: string; status: number }[]>;
}

export interface FedifyPeer extends Acts {
  readonly origin: string;
  readonly host: string;
  readonly actorUri: string;
}

/** A server of Fedify on this loopback address, with one person `vic`, that signs and understands one kind of signature. */
export async function fedifyPeer(
  t: TestContext,
  address: string,
  scheme: SignatureScheme,
  picture: Buffer,
): Promise<FedifyPeer> {
  const child: ChildProcess = fork(`${FOLDER}peer.mjs`, [address, scheme, picture.toString('base64')], {
    cwd: FOLDER,
    execPath: fedifyNode() ?? process.execPath,
    execArgv: [],
    env: { PATH: process.env.PATH ?? '' },
  });
  t.after(() => child.kill('SIGKILL'));
  const waiting = new Map<number, { done: (value: unknown) => void; fail: (error: Error) => void }>();
  const origin = await new Promise<string>((done, fail) => {
    child.on('exit', (code) => {
      const error = new Error(`Fedify ended with ${code}.`);
      fail(error);
      for (const call of waiting.values()) call.fail(error);
    });
    child.on('message', (message: { origin?: string; call?: number; result?: unknown; error?: string }) => {
      if (message.origin !== undefined) return done(message.origin);
      const call = waiting.get(message.call ?? -1);
      waiting.delete(message.call ?? -1);
      if (message.error === undefined) call?.done(message.result);
      else call?.fail(new Error(message.error));
    });
  });
  let serial = 0;
  const ask = (name: keyof Acts) => (input?: unknown) =>
    new Promise<never>((done, fail) => {
      serial += 1;
      waiting.set(serial, { done: done as (value: unknown) => void, fail });
      child.send({ call: serial, name, input });
    });
  return {
    ...{ origin, host: new URL(origin).host, actorUri: `${origin}/users/vic` },
    ...{ lookUp: ask('lookUp'), follow: ask('follow'), like: ask('like'), announce: ask('announce') },
    ...{ undo: ask('undo'), create: ask('create'), update: ask('update'), remove: ask('remove'), read: ask('read') },
    ...{ received: ask('received'), sent: ask('sent'), knocks: ask('knocks') },
  };
}
