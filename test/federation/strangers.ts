import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { type ActorKeys, generateActorKeys } from '../../src/federation/signatures/keys.ts';
import { signCavage } from '../../src/federation/signatures/sign.ts';
import type { Peer } from './nodes.ts';

/** A server of another kind: whatever is put into `documents` is served at its path, and every request is counted. */
export interface Stranger {
  readonly origin: string;
  readonly documents: Map<string, object>;
  /** Web pages, by path. */
  readonly pages: Map<string, string>;
  /** Paths that lead elsewhere. */
  readonly redirects: Map<string, string>;
  /** Paths that are answered with nothing but this. */
  readonly statuses: Map<string, number>;
  /** Paths that are asked for and never answered. */
  readonly hanging: Set<string>;
  /** Paths that are answered with 503. */
  readonly failing: Set<string>;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Bodies that arrived in inboxes. */
  readonly received: { readonly path: string; readonly body: Record<string, unknown> }[];
  /** What inboxes answer. */
  inboxStatus: number;
  /** In place of `inboxStatus`, where it depends on what was sent. */
  inboxAnswer: ((request: IncomingMessage) => { status: number; headers?: Record<string, string> }) | null;
  actor(name: string): Promise<StrangeActor>;
  /** From now on its port refuses. */
  close(): Promise<void>;
}

export interface StrangeActor {
  readonly id: string;
  readonly keyId: string;
  readonly keys: ActorKeys;
  readonly document: Record<string, unknown>;
}

/** What runs it and says when it ends: a test, or a program. */
type Ending = Pick<TestContext, 'after'> | { after(end: () => unknown): void };

export async function stranger(t: Ending, address: string): Promise<Stranger> {
  const documents = new Map<string, object>();
  const pages = new Map<string, string>();
  const redirects = new Map<string, string>();
  const statuses = new Map<string, number>();
  const hanging = new Set<string>();
  const failing = new Set<string>();
  const asked: string[] = [];
  const received: Stranger['received'][number][] = [];
  const server = createServer(async (incoming, response) => {
    const path = incoming.url ?? '';
    if (incoming.method === 'POST') {
      const body = Buffer.concat(await incoming.toArray()).toString();
      received.push({ path, body: JSON.parse(body) as Record<string, unknown> });
      const { status, headers } = it.inboxAnswer?.(incoming) ?? { status: it.inboxStatus, headers: {} };
      response.writeHead(status, headers).end();
      return;
    }
    asked.push(path);
    if (hanging.has(path)) return;
    const found = documents.get(path);
    const [page, location, status] = [pages.get(path), redirects.get(path), statuses.get(path)];
    if (failing.has(path)) response.writeHead(503).end();
    else if (status !== undefined) response.writeHead(status).end();
    else if (location !== undefined) response.writeHead(302, { location }).end();
    else if (page !== undefined) response.writeHead(200, { 'content-type': 'text/html' }).end(page);
    else if (!found) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': ACTIVITY_JSON }).end(JSON.stringify(found));
  });
  await new Promise<void>((done) => server.listen(0, address, done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const origin = `http://${address}:${(server.address() as AddressInfo).port}`;
  const it: Stranger = {
    ...{
      origin,
      documents,
      pages,
      redirects,
      statuses,
      hanging,
      failing,
      asked,
      received,
      inboxStatus: 202,
      inboxAnswer: null,
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
    },
    async actor(name) {
      const keys = await generateActorKeys();
      const id = `${origin}/users/${name}`;
      const keyId = `${id}#main-key`;
      const publicKey = { id: keyId, owner: id, publicKeyPem: keys.rsaPublicPem };
      const ends = { inbox: `${id}/inbox`, outbox: `${id}/outbox`, followers: `${id}/followers` };
      const document = { id, type: 'Person', preferredUsername: name, ...ends, publicKey };
      documents.set(`/users/${name}`, document);
      const host = new URL(origin).host;
      documents.set(`/.well-known/webfinger?resource=${encodeURIComponent(`acct:${name}@${host}`)}`, {
        subject: `acct:${name}@${host}`,
        links: [{ rel: 'self', type: ACTIVITY_JSON, href: id }],
      });
      return { id, keyId, keys, document };
    },
  };
  return it;
}

export interface Sent {
  readonly path?: string;
  readonly key?: { readonly keyId: string; readonly keys: ActorKeys };
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent in place of what was signed. */
  readonly otherBody?: string;
  /** Signed for this path in place of the one that is asked. */
  readonly signedPath?: string;
  readonly method?: string;
}

let serial = 0;
export const nextId = (actor: { readonly id: string }): string => {
  serial += 1;
  return `${actor.id}#act-${serial}`;
};

/** Where a node is, and what time it is there. */
export type Place = { readonly origin: string; readonly clock: Pick<Peer['clock'], 'now'> };

/** Posts an activity to the node, signed with Cavage at the node's own time. Resolves with the status. */
export async function post(node: Place, actor: StrangeActor, activity: object, sent: Sent = {}): Promise<number> {
  const body = JSON.stringify({ id: nextId(actor), actor: actor.id, ...activity });
  const path = sent.path ?? '/inbox';
  const { keyId, keys } = sent.key ?? actor;
  const signed = signCavage(
    {
      method: 'POST',
      url: new URL(sent.signedPath ?? path, node.origin),
      body: Buffer.from(body),
      now: node.clock.now(),
    },
    { keyId, type: 'rsa', privateKeyPem: keys.rsaPrivatePem },
  );
  const headers = { 'content-type': ACTIVITY_JSON, ...signed, ...sent.headers };
  return send(node, path, sent.method ?? 'POST', headers, sent.otherBody ?? body);
}

export function send(
  node: Pick<Peer, 'origin'>,
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, node.origin), { method, headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    outgoing.on('error', reject).end(body);
  });
}
