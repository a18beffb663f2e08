import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeAuthority } from '../../federation/attacks/certificates.ts';
import { temporaryFolder } from '../../kit/temporary-folder.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const VENV = join(FOLDER, '.venv');
const WANTED = join(FOLDER, 'requirements.txt');
/** `clients:install` copies the list there when all of it is installed. */
const INSTALLED = join(VENV, 'requirements.txt');

/** Why a test of the clients is skipped; false where they are there. With TESSERA_REQUIRE_CLIENTS missing ones are a failure. */
export function clientsSkip(): string | false {
  if (existsSync(INSTALLED) && readFileSync(INSTALLED).equals(readFileSync(WANTED))) return false;
  const why = 'The clients of Civitai are not installed: npm run clients:install';
  if (process.env.TESSERA_REQUIRE_CLIENTS) throw new Error(why);
  return why;
}

export interface Clients {
  /** Home of the one who runs them, empty at first. */
  readonly home: string;
  /** Hosts besides the node's that they wanted to reach. */
  readonly refused: readonly string[];
  /** What a program of the environment prints. Throws with what it said where it fails. */
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  /** Runs Python that prints JSON. */
  python(code: string, env?: Readonly<Record<string, string>>): Promise<unknown>;
}

/**
 * The clients as somebody runs them whose network leads the names of Civitai to a node. Nothing in them is changed, and
 * nothing is loaded beside them: HTTPS_PROXY, which requests, httpx and urllib read, names a proxy that is asked to
 * CONNECT to a host (RFC 9110, 9.3.6). For these hosts it ends TLS with a certificate for them and hands the bytes on to the
 * node as they are; all other hosts it refuses. The authority of that certificate is the only one that they trust.
 */
export async function clientsOf(t: TestContext, node: URL, hosts: readonly string[]): Promise<Clients> {
  const home = await temporaryFolder(t);
  const authority = makeAuthority();
  const trusted = join(home, 'authority.pem');
  await writeFile(trusted, authority.certificatePem);
  const refused: string[] = [];
  const sockets = new Set<Socket>();
  const kept = <One extends Socket>(socket: One): One => {
    sockets.add(socket.on('error', () => socket.destroy()));
    return socket;
  };
  const inside = createTlsServer(authority.issue(hosts), (socket) => {
    const onward = kept(connect(Number(node.port), node.hostname));
    kept(socket).pipe(onward).pipe(socket);
  });
  const proxy = createServer((_request, response) => response.writeHead(403).end());
  proxy.on('connect', (request, socket: Socket, head: Buffer) => {
    const host = (request.url ?? '').replace(/:443$/, '');
    kept(socket);
    if (!hosts.includes(host)) {
      refused.push(host);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    socket.unshift(head);
    inside.emit('connection', socket);
  });
  t.after(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const environment = {
    ...{ PATH: `${join(VENV, 'bin')}:${process.env.PATH ?? ''}`, HOME: home, LANG: 'C.UTF-8', DO_NOT_TRACK: '1' },
    ...{ HTTPS_PROXY: address, HTTP_PROXY: address, SSL_CERT_FILE: trusted, REQUESTS_CA_BUNDLE: trusted },
  };
  const run: Clients['run'] = async (program, args, env = {}) => {
    const options = { cwd: home, env: { ...environment, ...env }, timeout: 60_000 };
    const { stdout } = await promisify(execFile)(join(VENV, 'bin', program), args, options);
    return stdout;
  };
  return { home, refused, run, python: async (code, env) => JSON.parse(await run('python', ['-c', code], env)) };
}
