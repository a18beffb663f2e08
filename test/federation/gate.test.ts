import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { test } from 'node:test';
import { findActorKey, keyIn } from '../../src/federation/actor-key.ts';
import { admitActivity } from '../../src/federation/gate.ts';
import { parsePeerJson } from '../../src/federation/json.ts';
import { type ApObject, normalise } from '../../src/federation/normalise.ts';
import type { ActorKey, LoadActorKey } from '../../src/federation/signatures/verify.ts';
import { AppError, type ErrorKind } from '../../src/kit/errors.ts';
import { type CavageRecipe, cavage, here, MALLORY, malloryKey, malloryPair, VIC, vicKey } from './signing.ts';

const OWN = here.origin;
const ALICE = `${OWN}/users/alice`;
const AP = 'application/activity+json';

/** Delivers what mallory (unless said otherwise) signs; every key that is asked for is counted. */
async function deliver(
  activity: unknown,
  { as = malloryKey, pair = malloryPair, contentType = AP, ...changes }: Partial<CavageRecipe> & Delivery = {},
) {
  const asked: string[] = [];
  const keys = new Map([vicKey, malloryKey].map((key) => [key.keyId, key]));
  const loadActorKey: LoadActorKey = async (keyId, how) => {
    asked.push(how);
    return keys.get(keyId) ?? null;
  };
  const body = typeof activity === 'string' ? activity : JSON.stringify(activity);
  const makeSignature = (text: string) => sign('sha256', Buffer.from(text), pair.privateKey);
  const message = cavage({ body, keyId: as.keyId, makeSignature, ...changes });
  const contentEncoding = changes.headers?.['content-encoding'];
  const isBlocked = async (actorId: string) => actorId.startsWith('https://blocked.example/');
  const proven = await admitActivity({ ...message, contentType, contentEncoding }, here, {
    loadActorKey,
    isBlocked,
    isGone: async () => false,
  }).catch((error: unknown) => {
    assert.ok(error instanceof AppError, String(error));
    return error.kind;
  });
  return { proven, asked };
}
interface Delivery {
  readonly as?: ActorKey;
  readonly pair?: typeof malloryPair;
  readonly contentType?: string;
}

async function refused(
  kind: ErrorKind,
  activity: unknown,
  delivery?: Parameters<typeof deliver>[1],
): Promise<string[]> {
  const { proven, asked } = await deliver(activity, delivery);
  assert.equal(proven, kind, JSON.stringify(activity).slice(0, 200));
  return asked;
}

const note = (changes: object = {}) => ({
  id: 'https://e.example/notes/1',
  type: 'Note',
  attributedTo: MALLORY,
  content: 'Hello',
  ...changes,
});
const create = (object: unknown, changes: object = {}) => ({
  '@context': 'https://www.w3.org/ns/activitystreams',
  id: 'https://e.example/activities/1',
  type: 'Create',
  actor: MALLORY,
  object,
  ...changes,
});

test('control: a genuine Create passes with its sender proven', async () => {
  const { proven, asked } = await deliver(create(note()));
  assert.ok(proven !== null && typeof proven === 'object');
  assert.equal(proven.actorId, MALLORY);
  assert.equal(proven.type, 'Create');
  assert.deepEqual(asked, ['fetch']);
});

test('S01 F11 an unsigned post with foreign contexts is refused, and nobody is asked anything', async () => {
  const asked: string[] = [];
  const contexts = Array.from({ length: 1500 }, (_, n) => `https://e.example/context/${n}`);
  const message = {
    ...cavage({ body: JSON.stringify(create(note(), { '@context': contexts })) }),
    rawHeaders: ['host', 'node.example'],
    contentType: AP,
    contentEncoding: undefined,
  };
  await assert.rejects(
    admitActivity(message, here, {
      loadActorKey: async () => {
        asked.push('key');
        return null;
      },
      isBlocked: async () => false,
      isGone: async () => false,
    }),
    (error) => error instanceof AppError && error.kind === 'unauthenticated',
  );
  assert.deepEqual(asked, []);
  const { proven } = await deliver(create(note(), { '@context': contexts }));
  assert.ok(proven !== null && typeof proven === 'object', 'signed, contexts are simply not read');
});

test('S13 a key of one host does not speak for an actor of another, and is not even fetched', async () => {
  assert.deepEqual(await refused('unauthenticated', create(note(), { actor: VIC })), []);
});

test('S13 a key of one actor does not speak for another actor of the same host', async () => {
  await refused('unauthenticated', create(note(), { actor: 'https://e.example/users/other' }));
});

test('S14 a document that only claims to be another actor gives no key', async () => {
  const forged = actor({
    id: VIC,
    publicKey: { id: 'https://e.example/key', owner: VIC, publicKeyPem: malloryKey.publicKey },
  });
  const at = (documents: Record<string, ApObject>) => (id: string) => Promise.resolve(documents[id] ?? null);
  assert.equal(await findActorKey('https://e.example/key', at({ 'https://e.example/key': forged }), OWN), null);
  const twoFaced = actor({
    id: MALLORY,
    publicKey: { id: malloryKey.keyId, owner: VIC, publicKeyPem: malloryKey.publicKey },
  });
  assert.equal(await findActorKey(malloryKey.keyId, at({ [MALLORY]: twoFaced }), OWN), null);
  const stray = normalise({ id: 'https://e.example/key', type: 'Key', owner: VIC, publicKeyPem: malloryKey.publicKey });
  const documents = {
    'https://e.example/key': stray,
    [VIC]: actor({ id: VIC, publicKey: { id: vicKey.keyId, owner: VIC } }),
  };
  assert.equal(await findActorKey('https://e.example/key', at(documents), OWN), null);
});

test('S14 control: keys with a fragment, on a page of their own, and beside a query are found', async () => {
  const key = (id: string, owner: string) => ({ id, owner, publicKeyPem: vicKey.publicKey });
  const found = async (keyId: string, documents: Record<string, ApObject>) =>
    (await findActorKey(keyId, (id) => Promise.resolve(documents[id] ?? null), OWN))?.key.actorId;
  const vic = actor({ id: VIC, publicKey: key(vicKey.keyId, VIC) });
  assert.equal(await found(vicKey.keyId, { [VIC]: vic }), VIC);
  const gts = `${VIC}/main-key`;
  const stub = normalise({ id: VIC, type: 'Person', publicKey: key(gts, VIC) });
  assert.equal(await found(gts, { [gts]: stub, [VIC]: actor({ id: VIC, publicKey: key(gts, VIC) }) }), VIC);
  assert.equal(await found(gts, { [gts]: stub, [VIC]: vic }), undefined, 'the owner does not confirm the key');
  const wordpress = 'https://v.example/?author=1';
  const author = actor({ id: wordpress, publicKey: key(`${wordpress}#main-key`, wordpress) });
  assert.equal(await found(`${wordpress}#main-key`, { [wordpress]: author }), wordpress);
  assert.equal(keyIn(vic, `${VIC}#other`, OWN), null);
});

test('S16 an actor of this node is never the sender', async () => {
  await refused('unauthenticated', create(note(), { actor: ALICE }), { as: { ...vicKey, keyId: `${ALICE}#main-key` } });
  await refused('unauthenticated', create(note(), { actor: ALICE }));
});

test('S26 proofs and signatures inside the body prove nothing', async () => {
  const proof = { type: 'DataIntegrityProof', verificationMethod: vicKey.keyId, proofValue: 'z1' };
  await refused('unauthenticated', create(note(), { actor: VIC, proof, signature: { creator: vicKey.keyId } }));
  const { proven } = await deliver(create(note(), { proof }));
  assert.ok(proven !== null && typeof proven === 'object');
  assert.equal(proven.activity.proof, undefined);
});

test('O01 the id of an activity belongs to the host of its actor', async () => {
  for (const id of ['https://v.example/activities/1', `${OWN}/activities/1`, 'https://e.example.evil.test/1']) {
    await refused('forbidden', create(note(), { id }));
  }
});

test('O03 a Create whose object is attributed to anybody else, to several or to nobody is refused', async () => {
  for (const attributedTo of [VIC, ALICE, [MALLORY, VIC], 1, 'alice', {}, [], null, { id: VIC }]) {
    const kinds = ['forbidden', 'malformed'];
    const { proven } = await deliver(create(note({ attributedTo })));
    assert.ok(kinds.includes(String(proven)), `${JSON.stringify(attributedTo)}: ${JSON.stringify(proven)}`);
  }
});

test('O06 O24 an Update of what lies on another host or here is refused', async () => {
  for (const id of ['https://v.example/notes/1', `${OWN}/models/42`, ALICE, `${OWN}/actor`, `${VIC}/followers`]) {
    await refused('forbidden', create(note({ id }), { type: 'Update' }));
  }
});

test('O17 a Follow of several, of nothing or of something nameless is refused', async () => {
  for (const object of [[ALICE, `${OWN}/users/bob`], [], null, 1, {}, 'alice', { id: 'alice' }, { type: 'Person' }]) {
    await refused('malformed', create(object, { type: 'Follow' }));
  }
});

test('O25 ids that only look like those of another host are not ids', async () => {
  for (const actorId of [
    'https://v.example@e.example/users/vic',
    'https://v.example./users/vic',
    'https://V.example/users/vic',
  ]) {
    await refused('malformed', create(note(), { actor: actorId }));
  }
});

test('O30 a context that renames actor and object changes nothing, and two spellings of one key are refused', async () => {
  const context = { actor: 'as:target', attacker: 'as:actor' };
  const { proven } = await deliver(create(note(), { '@context': context, attacker: VIC }));
  assert.ok(proven !== null && typeof proven === 'object');
  assert.equal(proven.actorId, MALLORY);
  await refused('malformed', create(note(), { 'as:actor': VIC }));
  await refused('malformed', create(note(), { actor: [MALLORY, VIC] }));
  await refused('malformed', create(note(), { '@id': 'https://v.example/1' }));
  await refused(
    'malformed',
    `{"id":"https://e.example/1","type":"Like","actor":"${VIC}","actor":"${MALLORY}","object":"${VIC}"}`,
  );
});

test('P08 what a blocked actor sends is accepted without effect and without a look at its key', async () => {
  const keyId = 'https://blocked.example/users/eve#main-key';
  const { proven, asked } = await deliver(
    { id: 'https://blocked.example/1', type: 'Follow', actor: 'https://blocked.example/users/eve', object: ALICE },
    { as: { ...malloryKey, keyId } },
  );
  assert.equal(proven, null);
  assert.deepEqual(asked, []);
});

test('R04 O11 the deletion of an actor whom we never knew ends without a fetch; a forged one is refused', async () => {
  const ghost = 'https://ghost.example/users/g';
  const goodbye = { id: `${ghost}#delete`, type: 'Delete', actor: ghost, object: ghost };
  const unknown = await deliver(goodbye, { as: { ...malloryKey, keyId: `${ghost}#main-key` } });
  assert.equal(unknown.proven, null);
  assert.deepEqual(unknown.asked, ['stored']);
  const vics = { id: `${VIC}#delete`, type: 'Delete', actor: VIC, object: VIC };
  assert.deepEqual(await refused('unauthenticated', vics, { as: vicKey }), ['stored']);
});

test('O01 a deletion of oneself cannot take an id of another host either', async () => {
  const goodbye = { id: `${VIC}/activities/9`, type: 'Delete', actor: MALLORY, object: MALLORY };
  await refused('forbidden', goodbye);
});

test('R09 F12 other content types, encodings and bodies past the limit are refused before the signature is read', async () => {
  for (const contentType of ['text/plain', 'application/json', 'application/ld+json', 'multipart/form-data', '']) {
    assert.deepEqual(await refused('malformed', create(note()), { contentType }), []);
  }
  await refused('malformed', create(note()), { headers: { 'content-encoding': 'gzip' } });
  await refused('too_large', create(note({ content: 'x'.repeat(1_000_001) })));
  const profile = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"';
  assert.equal(typeof (await deliver(create(note()), { contentType: profile })).proven, 'object');
});

test('F12 P14 malformed bodies are refused quickly, in a sentence, and never crash', async () => {
  const bodies = [
    ...['', 'null', '[]', '1', '"x"', '{', '{"a":1}}', '{"__proto__":{"admin":true}}', '{"constructor":{"x":1}}'],
    ...['{"type":["Create"],"id":1}', '{"id":"x"}', '{"n":1e400}', '{"s":"\\u0000"}', '{"s":"\\ud800"}', "{'a':1}"],
    `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    `[${'1,'.repeat(400_000)}1]`,
    JSON.stringify(create(note(), { to: Array.from({ length: 4_000 }, (_, n) => `https://e.example/${n}`) })),
    JSON.stringify(create(note({ tag: Array(10_000).fill({}) }))),
    JSON.stringify(create(note({ attachment: Array(4_000).fill({ type: 'Image' }) }))),
  ];
  for (const body of bodies) {
    const before = process.cpuUsage(); // not the clock: the machine may be busy with other tests
    await refused('malformed', body);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < 100, body.slice(0, 40));
  }
  assert.equal(({} as { admin?: boolean }).admin, undefined);
  for (const text of ['{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '[{"b":[],"a":1,"b":{}}]']) {
    assert.throws(() => parsePeerJson(Buffer.from(text)), AppError, text);
  }
  assert.throws(() => parsePeerJson(Buffer.from('{"a":1}', 'utf16le')), AppError);
  assert.throws(() => parsePeerJson(Buffer.from([0x22, 0xff, 0x22])), AppError);
});

function actor(changes: { readonly [key: string]: string | object }): ApObject {
  return normalise({ type: 'Person', inbox: 'https://any.example/inbox', ...changes } as Parameters<
    typeof normalise
  >[0]);
}
