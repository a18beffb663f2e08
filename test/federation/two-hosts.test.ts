import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { findActorKey } from '../../src/federation/actor-key.ts';
import { ACTIVITY_JSON, fetchDocument } from '../../src/federation/fetch-document.ts';
import { admitActivity } from '../../src/federation/gate.ts';
import { knock } from '../../src/federation/knock.ts';
import { type ActorKeys, generateActorKeys } from '../../src/federation/signatures/keys.ts';
import type { ActorKey, LoadActorKey } from '../../src/federation/signatures/verify.ts';
import { AppError } from '../../src/kit/errors.ts';
import { makeNet } from '../../src/kit/net/net.ts';

const STATUSES: Readonly<Record<string, number>> = {
  unauthenticated: 401,
  malformed: 400,
  forbidden: 403,
  too_large: 413,
};
const now = () => new Date();

/** Hosts by name, all on loopback with a port each; nothing else can be reached. */
async function world(t: TestContext) {
  const ports: number[] = [];
  const net = makeNet({
    userAgent: 'tessera-test',
    resolve: async () => ['127.0.0.1'],
    reach: {
      allowAddress: (_address, port) => ports.includes(port),
      plainHttp: true,
      anyPort: true,
      localNames: false,
    },
  });
  const host = async (name: string, answer: (request: IncomingMessage, response: ServerResponse) => void) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    ports.push(port);
    return `http://${name}:${port}`;
  };
  return { net, host };
}

/** A peer with one actor, whose document and keys the test may change. */
async function peer({ host }: Awaited<ReturnType<typeof world>>, name: string) {
  const state = { keys: await generateActorKeys(), fetches: 0, document: {} as object };
  const origin = await host(name, (_request, response) => {
    state.fetches += 1;
    response.writeHead(200, { 'content-type': ACTIVITY_JSON }).end(JSON.stringify(state.document));
  });
  const id = `${origin}/users/someone`;
  const use = (keys: ActorKeys) => {
    state.keys = keys;
    const publicKey = { id: `${id}#main-key`, owner: id, publicKeyPem: keys.rsaPublicPem };
    state.document = { id, type: 'Person', inbox: `${id}/inbox`, publicKey };
  };
  use(state.keys);
  return { id, state, use };
}

/** Our node: an inbox behind the gate, keys fetched from where they lie and remembered, as the store will. */
async function node({ net, host }: Awaited<ReturnType<typeof world>>) {
  const remembered = new Map<string, ActorKey>();
  const admitted: string[] = [];
  const origin: string = await host('node.example', async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const loadActorKey: LoadActorKey = async (keyId, how) => {
      const known = remembered.get(keyId);
      if (how === 'stored' || (known && how === 'fetch')) return known ?? null;
      const read = async (id: string) => (await fetchDocument({ net, ownOrigin: origin }, id))?.object ?? null;
      const found = (await findActorKey(keyId, read, origin).catch(() => null))?.key ?? null;
      if (found) remembered.set(keyId, found);
      return found;
    };
    const message = {
      ...{ method: request.method ?? '', target: request.url ?? '', rawHeaders: request.rawHeaders, body },
      ...{ contentType: request.headers['content-type'], contentEncoding: request.headers['content-encoding'] },
    };
    const never = async () => false;
    await admitActivity(message, { origin, now: now() }, { loadActorKey, isBlocked: never, isGone: never }).then(
      (proven) => {
        if (proven) admitted.push(`${proven.type} ${proven.actorId}`);
        response.writeHead(202).end();
      },
      (error: unknown) => response.writeHead(error instanceof AppError ? (STATUSES[error.kind] ?? 500) : 500).end(),
    );
  });
  return { origin, inbox: `${origin}/inbox`, admitted };
}

const activity = (actor: string, more: object = {}) =>
  Buffer.from(JSON.stringify({ id: `${actor}/likes/1`, type: 'Like', actor, object: `${actor}/notes/1`, ...more }));

async function post(
  { net }: Awaited<ReturnType<typeof world>>,
  url: string,
  keyId: string,
  keys: ActorKeys,
  body: Buffer,
  first: 'cavage' | 'rfc9421' = 'cavage',
) {
  const key = { keyId, type: 'rsa' as const, privateKeyPem: keys.rsaPrivatePem };
  const headers = { 'content-type': ACTIVITY_JSON };
  return await knock(net, { url, method: 'POST', body, headers, key, first, now });
}

test('S21 a delivery in either scheme is admitted, with one fetch of the key in all', async (t) => {
  const w = await world(t);
  const [n, vic] = [await node(w), await peer(w, 'v.example')];
  for (const scheme of ['cavage', 'rfc9421'] as const) {
    const { reply } = await post(w, n.inbox, `${vic.id}#main-key`, vic.state.keys, activity(vic.id), scheme);
    assert.equal(reply.status, 202);
  }
  assert.deepEqual(n.admitted, [`Like ${vic.id}`, `Like ${vic.id}`]);
  assert.equal(vic.state.fetches, 1);
});

test('S20 after a rotation the new key is fetched once and admitted; the old one is refused', async (t) => {
  const w = await world(t);
  const [n, vic] = [await node(w), await peer(w, 'v.example')];
  const old = vic.state.keys;
  const keyId = `${vic.id}#main-key`;
  await post(w, n.inbox, keyId, old, activity(vic.id));
  vic.use(await generateActorKeys());
  assert.equal((await post(w, n.inbox, keyId, vic.state.keys, activity(vic.id))).reply.status, 202);
  assert.equal(vic.state.fetches, 2);
  assert.equal((await post(w, n.inbox, keyId, old, activity(vic.id))).reply.status, 401);
});

test("S14 a key on the hostile host under the victim's id is refused, and the victim is still heard", async (t) => {
  const w = await world(t);
  const [n, vic, mallory] = [await node(w), await peer(w, 'v.example'), await peer(w, 'e.example')];
  await post(w, n.inbox, `${vic.id}#main-key`, vic.state.keys, activity(vic.id));
  const keyId = `${mallory.id}#main-key`;
  const publicKey = { id: keyId, owner: vic.id, publicKeyPem: mallory.state.keys.rsaPublicPem };
  mallory.state.document = { id: vic.id, type: 'Person', inbox: `${vic.id}/inbox`, publicKey };
  for (const actor of [vic.id, mallory.id]) {
    const { reply } = await post(w, n.inbox, keyId, mallory.state.keys, activity(actor));
    assert.equal(reply.status, 401);
  }
  const again = await post(w, n.inbox, `${vic.id}#main-key`, vic.state.keys, activity(vic.id));
  assert.equal(again.reply.status, 202);
  assert.equal(n.admitted.length, 2);
});

test('S18 an actor whose key is too small to be trusted is refused with 401', async (t) => {
  const w = await world(t);
  const [n, vic] = [await node(w), await peer(w, 'v.example')];
  const weak = '-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----';
  vic.use({ ...vic.state.keys, rsaPublicPem: weak });
  assert.equal((await post(w, n.inbox, `${vic.id}#main-key`, vic.state.keys, activity(vic.id))).reply.status, 401);
});

test('S01 F08 without a signature, or with a key host that is dead, the answer is 401 and the node goes on', async (t) => {
  const w = await world(t);
  const [n, vic] = [await node(w), await peer(w, 'v.example')];
  const headers = { 'content-type': ACTIVITY_JSON };
  assert.equal((await w.net.peerFetch(n.inbox, { method: 'POST', headers, body: activity(vic.id) })).status, 401);
  assert.equal(vic.state.fetches, 0);
  const dead = 'http://dead.example:9/users/x';
  assert.equal((await post(w, n.inbox, `${dead}#main-key`, vic.state.keys, activity(dead))).reply.status, 401);
  assert.equal((await post(w, n.inbox, `${vic.id}#main-key`, vic.state.keys, activity(vic.id))).reply.status, 202);
});

test('R08 a server that knows one scheme only is reached by the second knock, and remembered', async (t) => {
  const w = await world(t);
  const seen: string[] = [];
  const modern = await w.host('modern.example', (request, response) => {
    const scheme = request.headers['signature-input'] === undefined ? 'cavage' : 'rfc9421';
    seen.push(scheme);
    response.writeHead(scheme === 'rfc9421' ? 202 : 401).end();
  });
  const keys = await generateActorKeys();
  const first = await post(w, `${modern}/inbox`, 'http://node.example/actor#main-key', keys, Buffer.from('{}'));
  assert.deepEqual([first.reply.status, first.scheme], [202, 'rfc9421']);
  await post(w, `${modern}/inbox`, 'http://node.example/actor#main-key', keys, Buffer.from('{}'), first.scheme);
  assert.deepEqual(seen, ['cavage', 'rfc9421', 'rfc9421']);
});
