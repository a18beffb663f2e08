import { generateKeyPair } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { signCavage } from '../../src/federation/signatures/sign.ts';

const ACTORS = 200;
const KEYS = 20;

interface Actor {
  readonly id: string;
  readonly privateKeyPem: string;
}

/**
 * People of two hundred servers: one process answers on as many addresses of the loopback network. So that the limits
 * for one host are not what is measured.
 */
export async function openTown(): Promise<{ actors: readonly Actor[]; close(): void }> {
  const generate = promisify(generateKeyPair);
  const pairs = await Promise.all(Array.from({ length: KEYS }, () => generate('rsa', { modulusLength: 2048 })));
  const pems = pairs.map(({ publicKey, privateKey }) => ({
    publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }));
  const keyOf = (n: number) => pems[n % KEYS] ?? { publicKeyPem: '', privateKeyPem: '' };
  const server: Server = createServer((incoming, response) => {
    const { host = '' } = incoming.headers;
    const id = `http://${host}/users/vic`;
    const { publicKeyPem } = keyOf(Number(/^127\.0\.9\.(\d+)/.exec(host)?.[1] ?? 0));
    const document = {
      '@context': ['https://www.w3.org/ns/activitystreams', 'https://w3id.org/security/v1'],
      ...{ id, type: 'Person', preferredUsername: 'vic', inbox: `${id}/inbox`, outbox: `${id}/outbox` },
      publicKey: { id: `${id}#main-key`, owner: id, publicKeyPem },
    };
    response.writeHead(200, { 'content-type': ACTIVITY_JSON }).end(JSON.stringify(document));
  });
  await new Promise<void>((done) => server.listen(0, '0.0.0.0', done));
  const { port } = server.address() as AddressInfo;
  const actors = Array.from({ length: ACTORS }, (_, n) => ({
    id: `http://127.0.9.${n + 1}:${port}/users/vic`,
    privateKeyPem: keyOf(n + 1).privateKeyPem,
  }));
  return {
    actors,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

let serial = 0;

/** Whole requests as bytes, each with an id of its own: a note as people write it, signed for the node at `origin`. */
export function signedPosts(actors: readonly Actor[], count: number, origin: string): Buffer[] {
  const url = new URL('/inbox', origin);
  return Array.from({ length: count }, () => {
    serial += 1;
    const actor = actors[serial % actors.length] ?? { id: '', privateKeyPem: '' };
    const published = new Date().toISOString();
    const audience = {
      to: ['https://www.w3.org/ns/activitystreams#Public'],
      cc: [`${actor.id}/followers`],
      published,
    };
    const note = {
      ...{ id: `${new URL(actor.id).origin}/notes/${serial}`, type: 'Note', attributedTo: actor.id, ...audience },
      content: `<p>Note ${serial}: misty valley, ink wash, and a castle that nobody has seen for a hundred years.</p>`,
      url: `${new URL(actor.id).origin}/@vic/${serial}`,
      tag: [{ type: 'Hashtag', name: '#aiart', href: `${new URL(actor.id).origin}/tags/aiart` }],
      attachment: [
        { type: 'Document', mediaType: 'image/png', url: `${new URL(actor.id).origin}/valley.png`, name: 'A valley' },
      ],
    };
    const context = ['https://www.w3.org/ns/activitystreams', { Hashtag: 'as:Hashtag', sensitive: 'as:sensitive' }];
    const activity = { id: `${note.id}/activity`, type: 'Create', actor: actor.id, ...audience, object: note };
    const body = Buffer.from(JSON.stringify({ '@context': context, ...activity }));
    const key = { keyId: `${actor.id}#main-key`, type: 'rsa', privateKeyPem: actor.privateKeyPem } as const;
    const headers = {
      ...signCavage({ method: 'POST', url, body, now: new Date() }, key),
      'content-type': ACTIVITY_JSON,
      accept: ACTIVITY_JSON,
      'content-length': String(body.length),
    };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.concat([Buffer.from(`POST /inbox HTTP/1.1\r\n${head.join('')}\r\n`), body]);
  });
}

/** Sends them over so many connections, each its next when the last was answered. Throws unless all answers are 202. */
export async function shootPosts(port: number, posts: readonly Buffer[], connections = 50): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const connection = () =>
    new Promise<void>((done, fail) => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      const step = () => {
        const post = posts[next];
        next += 1;
        answer = '';
        if (!post) return socket.end();
        socket.write(post);
      };
      socket.setNoDelay(true).setEncoding('latin1');
      socket.on('connect', step);
      socket.on('data', (chunk: string) => {
        answer += chunk;
        const end = answer.indexOf('\r\n\r\n');
        if (end === -1) return;
        const length = /\r\ncontent-length: (\d+)/i.exec(answer)?.[1];
        if (length !== undefined && answer.length < end + 4 + Number(length)) return;
        if (length === undefined && !answer.endsWith('\r\n0\r\n\r\n')) return;
        if (answer.startsWith('HTTP/1.1 202')) step();
        else socket.destroy(new Error(`An answer that is not 202: ${answer.slice(0, 500)}`));
      });
      socket.on('error', fail).on('close', () => done());
    });
  await Promise.all(Array.from({ length: Math.min(connections, posts.length) }, connection));
  return posts.length / ((performance.now() - startedAt) / 1_000);
}
