import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { ACTIVITY_JSON } from '../../../src/federation/fetch-document.ts';
import type { ActorKeys } from '../../../src/federation/signatures/keys.ts';
import type { Authority } from './certificates.ts';

export type Answer = object | ((request: IncomingMessage, response: ServerResponse) => void);

export interface Actor {
  readonly id: string;
  readonly keyId: string;
  readonly keys: ActorKeys;
  readonly document: Record<string, unknown>;
  readonly site: Site;
}

/** One name on a scripted host: what is put into `documents` is served at its path. */
export interface Site {
  readonly origin: string;
  /** What stands after `@name@`. */
  readonly host: string;
  readonly hostname: string;
  readonly documents: Map<string, Answer>;
  /** Bodies that arrived in inboxes. */
  readonly received: { readonly path: string; readonly body: Record<string, unknown> }[];
  /** What inboxes answer. */
  inboxStatus: number;
  actor(name: string, changes?: object, keys?: ActorKeys): Actor;
  /** A Note of this actor with one picture, in public. */
  note(actor: Pick<Actor, 'id'>, path: string, changes?: object): Record<string, unknown> & { id: string };
}

export interface ScriptedHost {
  readonly address: string;
  readonly port: number;
  /** `https://name/path` of every GET, in order. */
  readonly asked: string[];
  /** TCP connections that arrived, whatever came of them. */
  readonly connectionCount: () => number;
  site(hostname: string): Site;
}

const PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';

/** A server on a loopback address of its own that answers for many names, each with the authority's certificate. */
export async function scriptedHost(
  t: TestContext,
  address: string,
  authority: Authority,
  names: readonly string[],
  keys: ActorKeys,
): Promise<ScriptedHost> {
  const sites = new Map<string, Site>();
  const asked: string[] = [];
  let connections = 0;
  const server = createServer({ ...authority.issue(names) }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.on('tlsClientError', () => undefined);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hostname = (request.headers.host ?? '').replace(/:\d+$/, '');
    const path = request.url ?? '';
    const site = sites.get(hostname);
    if (request.method === 'POST') {
      const text = Buffer.concat(await request.toArray()).toString();
      const told = site?.documents.get(path);
      site?.received.push({ path, body: JSON.parse(text) as Record<string, unknown> });
      if (typeof told === 'function') told(request, response);
      else response.writeHead(site?.inboxStatus ?? 404).end();
      return;
    }
    asked.push(`https://${request.headers.host}${path}`);
    const found = site?.documents.get(path);
    if (typeof found === 'function') found(request, response);
    else if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': ACTIVITY_JSON }).end(JSON.stringify(found));
  }

  await new Promise<void>((done) => server.listen(0, address, done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    ...{ address, port, asked },
    connectionCount: () => connections,
    site(hostname) {
      const known = sites.get(hostname);
      if (known) return known;
      const made = makeSite(hostname, port, keys);
      sites.set(hostname, made);
      return made;
    },
  };
}

function makeSite(hostname: string, port: number, siteKeys: ActorKeys): Site {
  const host = `${hostname}:${port}`;
  const origin = `https://${host}`;
  const documents = new Map<string, Answer>();
  const site: Site = {
    ...{ origin, host, hostname, documents, received: [], inboxStatus: 202 },
    actor(name, changes = {}, keys = siteKeys) {
      const id = `${origin}/users/${name}`;
      const keyId = `${id}#main-key`;
      const document = {
        '@context': 'https://www.w3.org/ns/activitystreams',
        ...{ id, type: 'Person', preferredUsername: name },
        ...{ inbox: `${id}/inbox`, outbox: `${id}/outbox`, followers: `${id}/followers` },
        publicKey: { id: keyId, owner: id, publicKeyPem: keys.rsaPublicPem },
        ...changes,
      };
      documents.set(`/users/${name}`, document);
      documents.set(`/.well-known/webfinger?resource=${encodeURIComponent(`acct:${name}@${host}`)}`, {
        subject: `acct:${name}@${host}`,
        links: [{ rel: 'self', type: ACTIVITY_JSON, href: id }],
      });
      return { id, keyId, keys, document, site };
    },
    note(actor, path, changes = {}) {
      return {
        ...{ id: `${origin}${path}`, type: 'Note', attributedTo: actor.id, to: [PUBLIC] },
        published: '2026-11-20T11:00:00Z',
        content: '<p>Look</p>',
        attachment: [{ type: 'Image', mediaType: 'image/png', url: `${origin}/p.png`, name: 'A picture' }],
        ...changes,
      };
    },
  };
  return site;
}
