import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { Account, Follow } from '../../../src/accounts/model.ts';
import { InboxItem, RemoteActor } from '../../../src/federation/model.ts';
import { Comment, Reaction } from '../../../src/gallery/model.ts';
import { givenPost } from '../../factories/content.ts';
import { sha256 } from '../signing.ts';
import { AP, deliver, deliver9421, type Forgery, md5, nextId, nextNumber, raw, send } from './client.ts';
import type { Actor } from './hosts.ts';
import { attackTable, type Case } from './table.ts';
import type { World } from './world.ts';

// Spec section 4.A. Nearly all go to an activity that would have an effect: mallory or vic follows alice.

const INBOXES = ['/inbox', '/users/alice/inbox'] as const;
const follow = (w: World) => ({ type: 'Follow', object: w.aliceUri });
const isFollowing = async (w: World, { id }: Pick<Actor, 'id'>): Promise<number> =>
  w.em().count(Follow, { follower: { uri: id } });

/** Refused with 401 without a question to anybody, and nothing came of it. */
async function refused(w: World, actor: Actor, forgery: Forgery, activity: object = follow(w)): Promise<void> {
  const mark = await w.mark();
  for (const path of INBOXES) {
    const { status, text } = await deliver(w, actor, activity, { path, ...forgery });
    assert.equal(status, 401, `${path}: ${text}`);
  }
  await w.nothing(mark);
}

/** Well formed, but made by another key or for another request: the key may be asked for anew, once for each. */
async function unfitting(w: World, actor: Actor, forgery: Forgery, activity: object = follow(w)): Promise<void> {
  const mark = await w.mark();
  for (const path of INBOXES) {
    const { status, text } = await deliver(w, actor, activity, { path, ...forgery });
    assert.equal(status, 401, `${path}: ${text}`);
  }
  const url = (forgery.key ?? actor).keyId.split('#')[0] ?? '';
  const count = [...w.v.asked.slice(mark.askedOfV), ...w.e.asked.slice(mark.askedOfE)].length;
  assert.ok(count <= INBOXES.length, `${count} questions`);
  await w.nothing(mark, { asks: [url], knows: [actor.site] });
}

/** A control: the same without the forgery is heard. */
async function heard(w: World, actor: Actor, forgery: Forgery = {}): Promise<void> {
  const activity = { id: nextId(actor), ...follow(w) };
  assert.equal((await deliver(w, actor, activity, forgery)).status, 202);
  await w.settle();
  assert.equal(await w.em().count(InboxItem, { uri: activity.id, outcome: 'done' }), 1);
}

const dated = (w: World, ms: number): Forgery => ({
  headers: { date: new Date(w.now().getTime() + ms).toUTCString() },
});
const HOUR_MS = 3_600_000;
const seconds = (w: World, ms = 0): number => Math.floor((w.now().getTime() + ms) / 1000);
const CREATED = ['(request-target)', 'host', '(created)', 'digest'];
const hs2019 = (created: number, more: object = {}): Forgery => ({
  ...{ algorithm: 'hs2019', names: CREATED, headers: { date: null } },
  parameters: { created, ...more },
});

const CASES: readonly Case[] = [
  [
    'S01',
    'an unsigned post with remote contexts is 401, without one connection',
    async (w) => {
      const mark = await w.mark();
      const site = w.freshE();
      const contexts = [`${site.origin}/context`, 'https://v.example/ns', { '@import': `${site.origin}/more` }];
      const activity = { '@context': contexts, id: nextId(w.vic), actor: w.vic.id, ...follow(w) };
      const host = ['host', 'node.example', 'content-type', AP];
      for (const path of INBOXES) {
        for (const headers of [host, [...host, 'authorization', 'Bearer x'], [...host, 'signature', '']]) {
          assert.equal((await send(w, 'POST', path, headers, JSON.stringify(activity))).status, 401);
        }
      }
      await w.nothing(mark);
    },
  ],
  [
    'S02',
    'a body that was changed after signing is 401',
    async (w) => {
      const other = JSON.stringify({ id: nextId(w.vic), actor: w.vic.id, ...follow(w), summary: 'changed' });
      await refused(w, w.vic, { sentBody: other });
      await refused(w, w.vic, { sentBody: '' });
      const spaced = JSON.stringify({ id: nextId(w.vic), actor: w.vic.id, ...follow(w) });
      await refused(w, w.vic, { sentBody: `${spaced} ` });
    },
  ],
  [
    'S03',
    'no Digest, or one that nobody signed, is 401',
    async (w) => {
      await refused(w, w.vic, { headers: { digest: null }, names: ['(request-target)', 'host', 'date'] });
      await refused(w, w.vic, { headers: { digest: null } });
      await refused(w, w.vic, { names: ['(request-target)', 'host', 'date'] });
    },
  ],
  [
    'S04',
    'a Digest that says two things, or in a weak or unknown way, is 401',
    async (w) => {
      const body = JSON.stringify({ id: nextId(w.vic), actor: w.vic.id, ...follow(w) });
      const right = sha256(body);
      for (const digest of [
        `SHA-256=${sha256('x')},SHA-256=${right}`,
        `SHA-256=${right},SHA-256=${sha256('x')}`,
        `SHA-256=${right},sha-256=${sha256('x')}`,
        `MD5=${md5(body)}`,
        `SHA-3=${right}`,
        `SHA-1=${right}`,
        right,
        '',
        `SHA-256=${right.slice(0, -4)}`,
        `SHA-256=${Buffer.from(right, 'base64').toString('hex')}`,
        `${'MD5=x,'.repeat(500)}SHA-256=${right}`,
      ]) {
        const mark = await w.mark();
        const { status } = await deliver(w, w.vic, body, { headers: { digest } });
        assert.equal(status, 401, digest);
        await w.nothing(mark);
      }
      assert.equal((await deliver(w, w.vic, body, { headers: { digest: `sha-256=${right}` } })).status, 202, 'control');
    },
  ],
  [
    'S05',
    'a signature that leaves out path, host or time is 401',
    async (w) => {
      await refused(w, w.vic, { names: ['date'] });
      await refused(w, w.vic, { names: ['host', 'date', 'digest'] });
      await refused(w, w.vic, { names: ['(request-target)', 'date', 'digest'] });
      await refused(w, w.vic, { names: ['(request-target)', 'host', 'digest'] });
      await refused(w, w.vic, { names: ['(request-target)', 'host', 'date', 'digest', 'digest'] });
    },
  ],
  [
    'S06',
    'a signature for another inbox, method or query is 401',
    async (w) => {
      await unfitting(w, w.vic, { target: '/users/bob/inbox' });
      await unfitting(w, w.vic, { method: 'GET', sentMethod: 'POST' });
      w.clock.pass(11 * 60_000);
      await unfitting(w, w.vic, { path: '/inbox?x=1', target: '/inbox' });
      await unfitting(w, w.vic, { path: '/inbox', target: '/inbox?x=1' });
      w.clock.pass(11 * 60_000);
      await unfitting(w, w.vic, { path: '/inbox?', target: '/inbox' });
      await heard(w, w.vic, { path: '/inbox?x=1' });
    },
  ],
  [
    'S07',
    'a delivery to another host, relayed byte for byte, is 401',
    async (w) => {
      for (const host of [
        'e.example',
        'node.example.',
        'node.example:444',
        'node.example@e.example',
        'e.node.example',
      ]) {
        await refused(w, w.vic, { headers: { host } });
      }
      await refused(w, w.vic, { headers: { host: 'e.example' }, more: ['x-forwarded-host', 'node.example'] });
    },
  ],
  [
    'S09',
    'a stale, future, missing or senseless Date is 401; one of an hour ago is not',
    async (w) => {
      await refused(w, w.vic, dated(w, -13 * HOUR_MS));
      await refused(w, w.vic, dated(w, 2 * HOUR_MS));
      await refused(w, w.vic, { headers: { date: null } });
      for (const date of [
        'yesterday',
        '0',
        '2026-11-20T12:00:00Z',
        'Fri, 99 Nov 2026 12:00:00 GMT',
        String(seconds(w)),
      ]) {
        await refused(w, w.vic, { headers: { date } });
      }
      const xDate = ['(request-target)', 'host', 'x-date', 'digest'];
      await refused(w, w.vic, {
        names: xDate,
        headers: { 'x-date': new Date(w.now().getTime() - 13 * HOUR_MS).toUTCString() },
      });
      await refused(w, w.vic, { names: xDate, headers: { 'x-date': w.now().toUTCString(), date: null } });
      await heard(w, w.vic, dated(w, -HOUR_MS));
    },
  ],
  [
    'S10',
    'an expired or premature signature is 401; a fresh (created) in place of Date is heard',
    async (w) => {
      const now = seconds(w);
      await refused(w, w.vic, { parameters: { expires: now - 1 } });
      await refused(w, w.vic, hs2019(now, { expires: now - 60 }));
      await refused(w, w.vic, hs2019(now + 7_200));
      await refused(w, w.vic, hs2019(now - 13 * 3_600));
      await refused(w, w.vic, { parameters: { created: now + 7_200 } });
      await refused(w, w.vic, { ...hs2019(now), parameters: {} });
      await heard(w, w.vic, hs2019(now));
    },
  ],
  [
    'S11',
    'the same request twice, and twenty at once, has one effect',
    async (w) => {
      const site = w.freshV();
      const actor = site.actor('twin');
      const activity = { id: nextId(actor), ...follow(w) };
      const sent = await Promise.all(Array.from({ length: 20 }, () => deliver(w, actor, activity)));
      assert.deepEqual(new Set(sent.map(({ status }) => status)), new Set([202]));
      assert.equal((await deliver(w, actor, activity)).status, 202);
      await w.settle();
      assert.equal(await w.em().count(InboxItem, { uri: activity.id }), 1);
      assert.equal(await isFollowing(w, actor), 1);
      assert.equal(site.received.filter(({ body }) => body.type === 'Accept').length, 1);
      const fetches = w.v.asked.filter((url) => url === actor.id);
      assert.equal(fetches.length, 1, 'a burst asks for the key once');
    },
  ],
  [
    'S13',
    'a key of E for an actor of V, or of one actor for another, is 401',
    async (w) => {
      await refused(w, w.vic, { key: w.mallory });
      await refused(w, w.mallory, { key: w.vic });
      await unfitting(w, w.vic, { key: w.fan });
      await unfitting(w, w.vic, { key: { keyId: w.vic.keyId, keys: w.mallory.keys } });
    },
  ],
  [
    'S14',
    'a document on E that claims to be vic (CVE-2024-23832) gives no key and changes none',
    async (w) => {
      const keysOfVic = async () => (await w.em().findOneOrFail(RemoteActor, { account: { uri: w.vic.id } })).keys;
      const before = await keysOfVic();
      const site = w.freshE();
      const publicKeyPem = w.mallory.keys.rsaPublicPem;
      const at = (path: string, document: object) => {
        site.documents.set(path, document);
        return { keyId: `${site.origin}${path}`, keys: w.mallory.keys };
      };
      const forged = { ...w.vic.document };
      const keys = [
        at('/a', { ...forged, publicKey: { id: `${site.origin}/a`, owner: w.vic.id, publicKeyPem } }),
        at('/b', { id: `${site.origin}/b`, type: 'Key', owner: w.vic.id, publicKeyPem }),
        at('/c', { ...forged, publicKey: { id: w.vic.keyId, owner: w.vic.id, publicKeyPem } }),
        at('/d', { ...forged, id: `${site.origin}/d`, publicKey: { id: w.vic.keyId, owner: w.vic.id, publicKeyPem } }),
      ];
      for (const key of keys) {
        for (const actor of [w.vic, w.mallory, { ...w.mallory, id: key.keyId }]) {
          assert.equal((await deliver(w, actor, follow(w), { key })).status, 401, key.keyId);
        }
      }
      assert.deepEqual(await keysOfVic(), before);
      await heard(w, w.vic);
    },
  ],
  [
    'S16',
    'a key or an actor of this node is 401, and nobody asks itself',
    async (w) => {
      const own = (keyId: string) => ({ keyId, keys: w.mallory.keys });
      const us = { ...w.mallory, id: w.aliceUri };
      await refused(w, us, { key: own(`${w.aliceUri}#main-key`) });
      await refused(w, us, {});
      await refused(w, w.mallory, { key: own(`${w.origin}/actor#main-key`) });
      await refused(w, w.mallory, { key: own('https://NODE.example/actor#main-key') });
      await refused(w, w.mallory, { key: own('https://node.example:443/actor#main-key') });
      await refused(w, w.mallory, { key: own('https://node.example./actor#main-key') });
    },
  ],
  [
    'S17',
    'an algorithm that peers do not use is 401; none and hs2019 mean RSA with SHA-256',
    async (w) => {
      const pem = w.vic.keys.rsaPublicPem;
      const hmac = (text: string) => createHmac('sha256', pem).update(text).digest();
      await refused(w, w.vic, { algorithm: 'hmac-sha256', makeSignature: hmac });
      await refused(w, w.vic, { algorithm: 'hs2019', makeSignature: () => Buffer.alloc(0) });
      await unfitting(w, w.vic, {
        algorithm: 'hs2019',
        makeSignature: (text) => Buffer.concat([hmac(text), hmac(text)]),
      });
      w.clock.pass(11 * 60_000);
      await refused(w, w.vic, { algorithm: 'none', makeSignature: () => Buffer.alloc(0) });
      await refused(w, w.vic, { algorithm: 'none' });
      const sha1 = (text: string) => sign('sha1', Buffer.from(text), w.vic.keys.rsaPrivatePem);
      await refused(w, w.vic, { algorithm: 'rsa-sha1', makeSignature: sha1 });
      for (const algorithm of ['rsa-sha256', null, 'hs2019']) {
        await unfitting(w, w.vic, { algorithm, makeSignature: sha1 });
        w.clock.pass(11 * 60_000);
      }
      for (const algorithm of ['rsa-sha512', 'ecdsa-sha256', 'rsa-v1_5-sha256', 'RSA-SHA256\u00a0']) {
        await refused(w, w.vic, { algorithm });
      }
      await heard(w, w.vic, { algorithm: null });
      await heard(w, w.vic, { algorithm: 'hs2019' });
    },
  ],
  [
    'S18',
    'keys that are too small, too large or of another kind are 401 within bounds',
    async (w) => {
      const spki = (kind: 'rsa' | 'ec' | 'dsa', options: object) =>
        (generateKeyPairSync as (kind: string, options: object) => ReturnType<typeof generateKeyPairSync>)(
          kind,
          options,
        );
      const small = spki('rsa', { modulusLength: 512 });
      const curve = spki('ec', { namedCurve: 'P-256' });
      const text = (key: { export(options: object): string | Buffer }, type: 'spki' | 'pkcs8') =>
        key.export({ format: 'pem', type }).toString();
      const keys: readonly [string, string, string][] = [
        ['512 bits', text(small.publicKey, 'spki'), text(small.privateKey, 'pkcs8')],
        ['P-256', text(curve.publicKey, 'spki'), text(curve.privateKey, 'pkcs8')],
        ['16,384 bits', publicPemOf(16_384, 65_537n), w.otherKeys.rsaPrivatePem],
        ['a huge exponent', publicPemOf(2_048, 2n ** 2_000n + 1n), w.otherKeys.rsaPrivatePem],
        ['exponent 1', publicPemOf(2_048, 1n), w.otherKeys.rsaPrivatePem],
        ['a megabyte of PEM', pemOf(Buffer.alloc(660_000, 7)), w.otherKeys.rsaPrivatePem],
        ['a private key', w.otherKeys.rsaPrivatePem, w.otherKeys.rsaPrivatePem],
        ['no key at all', 'AAAA', w.otherKeys.rsaPrivatePem],
      ];
      for (const [what, rsaPublicPem, rsaPrivatePem] of keys) {
        const site = w.freshE();
        const actor = site.actor('weak', {}, { ...w.otherKeys, rsaPublicPem, rsaPrivatePem });
        const mark = await w.mark();
        assert.equal((await deliver(w, actor, follow(w))).status, 401, what);
        assert.equal((await deliver(w, actor, follow(w))).status, 401, `${what}, known by now`);
        await w.nothing(mark, { asks: [actor.id], knows: [site] });
      }
    },
  ],
  [
    'S20',
    'a key that was rotated is heard after one more look, and the old one no longer',
    async (w) => {
      const site = w.freshV();
      const actor = site.actor('rotating');
      await heard(w, actor);
      const renewed = site.actor('rotating', {}, w.otherKeys);
      w.clock.pass(60_000);
      const before = w.v.asked.length;
      await heard(w, renewed);
      assert.deepEqual(w.v.asked.slice(before), [actor.id]);
      assert.equal((await deliver(w, actor, follow(w))).status, 401);
    },
  ],
  [
    'S21',
    'RFC 9421 with rsa-v1_5-sha256 and with Ed25519 is heard',
    async (w) => {
      assert.equal((await deliver9421(w, w.vic, follow(w))).status, 202);
      const site = w.freshV();
      const plain = site.actor('modern');
      const keyId = `${plain.id}#ed25519-key`;
      const method = { id: keyId, type: 'Multikey', controller: plain.id };
      const multikey = { ...method, publicKeyMultibase: plain.keys.ed25519PublicMultibase };
      const actor = { ...site.actor('modern', { assertionMethod: [multikey] }), keyId };
      const activity = { id: nextId(actor), ...follow(w) };
      assert.equal((await deliver9421(w, actor, activity, { algorithm: 'ed25519' })).status, 202);
      await w.settle();
      assert.equal(await isFollowing(w, actor), 1);
    },
  ],
  [
    'S22',
    'RFC 9421 that leaves something out, is stale, or is not well formed is 401',
    async (w) => {
      const now = seconds(w);
      const key = `keyid="${w.vic.keyId}";alg="rsa-v1_5-sha256"`;
      const uri = `${w.origin}/inbox`;
      const body = JSON.stringify({ id: nextId(w.vic), actor: w.vic.id, ...follow(w) });
      const digest = ['content-digest', `sha-256=:${sha256(body)}:`] as const;
      const method = ['@method', 'POST'] as const;
      const all = [method, ['@target-uri', uri] as const, digest];
      const forgeries: [string, Parameters<typeof deliver9421>[3]][] = [
        ['no content-digest signed', { components: [method, ['@target-uri', uri]] }],
        ['no content-digest', { components: [method, ['@target-uri', uri]], contentDigest: null }],
        ['another uri', { components: [method, ['@target-uri', 'https://e.example/inbox'], digest] }],
        ['another path', { components: [method, ['@target-uri', `${w.origin}/users/alice/inbox`], digest] }],
        ['no uri', { components: [method, digest] }],
        ['no method', { components: [['@target-uri', uri], digest] }],
        ['the host of another', { components: [method, ['@authority', 'e.example'], ['@path', '/inbox'], digest] }],
        ['no created', { components: all, parameters: `;${key}` }],
        ['created 13 h ago', { components: all, parameters: `;created=${now - 13 * 3600};${key}` }],
        ['created ahead', { components: all, parameters: `;created=${now + 7200};${key}` }],
        ['expired', { components: all, parameters: `;created=${now};expires=${now - 1};${key}` }],
        ['created as text', { components: all, parameters: `;created="${now}";${key}` }],
        ['unknown parameter', { components: all, parameters: `;created=${now};${key};surprise=1` }],
        ['unknown component', { components: [...all, ['@surprise', 'x']] }],
        ['component parameter', { components: [...all, ['"@query-param";name="x"', 'x']] }],
        ['symmetric', { components: all, parameters: `;created=${now};keyid="${w.vic.keyId}";alg="hmac-sha256"` }],
        ['PSS', { components: all, parameters: `;created=${now};keyid="${w.vic.keyId}";alg="rsa-pss-sha512"` }],
        ['no keyid', { components: all, parameters: `;created=${now}` }],
        ['broken', { components: all, input: 'sig1=("@method"' }],
        ['broken too', { components: all, input: '(((' }],
        ['no list', { components: all, input: `sig1=:AAAA:;created=${now};${key}` }],
        ['twice the same', { components: [...all, digest] }],
        ['changed body', { components: all, sentBody: body.replace('Follow', 'follow') }],
      ];
      const mark = await w.mark();
      for (const [what, forgery] of forgeries) {
        const activity = JSON.parse(body) as object;
        assert.equal((await deliver9421(w, w.vic, activity, forgery)).status, 401, what);
      }
      // what is well formed and signed for another address only fails by its key
      await w.nothing(mark, { asks: [w.vic.id], knows: [w.vic.site] });
      assert.equal((await deliver9421(w, w.vic, JSON.parse(body), { components: all })).status, 202, 'control');
    },
  ],
  [
    'S23',
    'a good Cavage signature beside a bad Signature-Input is 401',
    async (w) => {
      const now = seconds(w);
      for (const input of [`sig1=("@method");created=${now};keyid="${w.vic.keyId}"`, 'x', '', 'sig1=()']) {
        await refused(w, w.vic, { more: ['signature-input', input] });
      }
    },
  ],
  [
    'S24',
    'huge, repeated or incomplete signature headers are 401 or 431',
    async (w) => {
      const mark = await w.mark();
      const names = ['(request-target)', 'host', 'date', 'digest'];
      const long = await deliver(w, w.vic, follow(w), { parameters: { padding: 'x'.repeat(65_536) } });
      assert.ok([401, 431].includes(long.status), String(long.status));
      const medium = await deliver(w, w.vic, follow(w), { parameters: { padding: 'x'.repeat(9_000) } });
      assert.equal(medium.status, 401);
      const many = Array.from({ length: 1_000 }, (_, n) => `x${n}`);
      assert.ok([401, 431].includes((await deliver(w, w.vic, follow(w), { names: [...names, ...many] })).status));
      assert.equal((await deliver(w, w.vic, follow(w), { names: [...names, 'x-absent'] })).status, 401);
      const signature = `keyId="${w.vic.keyId}",headers="date",signature="AAAA"`;
      assert.equal((await deliver(w, w.vic, follow(w), { more: ['signature', signature] })).status, 401);
      for (const [name, value] of [
        ['date', w.now().toUTCString()],
        ['digest', 'SHA-256=x'],
        ['host', 'node.example'],
      ]) {
        const status = (await deliver(w, w.vic, follow(w), { more: [String(name), String(value)] })).status;
        assert.ok([400, 401].includes(status), `${name} twice: ${status}`);
      }
      assert.equal((await deliver(w, w.vic, follow(w), { parameters: { keyid: w.mallory.keyId } })).status, 401);
      await w.nothing(mark);
    },
  ],
  [
    'S26',
    'proofs and signatures in the body never make mallory vic',
    async (w) => {
      const proof = {
        ...{ type: 'DataIntegrityProof', cryptosuite: 'eddsa-jcs-2022', proofPurpose: 'assertionMethod' },
        ...{ verificationMethod: `${w.vic.id}#ed25519-key`, proofValue: 'z5' },
      };
      const proofs = [
        proof,
        { ...proof, verificationMethod: `${w.mallory.id}#ed25519-key` },
        { ...proof, cryptosuite: 'made-up-2030' },
        { ...proof, expires: '2020-01-01T00:00:00Z' },
        [proof, { ...proof, proofValue: 'z6' }],
      ];
      for (const one of proofs) {
        await refused(w, { ...w.mallory, id: w.vic.id }, {}, { ...follow(w), proof: one });
        await refused(
          w,
          { ...w.mallory, id: w.vic.id },
          {},
          {
            ...follow(w),
            signature: { type: 'RsaSignature2017', creator: w.vic.keyId, signatureValue: 'AAAA' },
          },
        );
      }
      const activity = { id: nextId(w.mallory), ...follow(w), proof };
      assert.equal((await deliver(w, w.mallory, activity)).status, 202, 'a proof does not harm who signs themself');
      await w.settle();
      assert.equal(await w.em().count(InboxItem, { uri: activity.id, actorUri: w.mallory.id }), 1);
    },
  ],
  [
    'S27',
    'a reply of vic that E forwards without a proof is shown as fetched from V, or not at all',
    async (w) => {
      const em = w.em();
      const post = givenPost(em, { owner: em.getReference(Account, w.alice.id) });
      await em.flush();
      const site = w.freshV();
      const author = site.actor('author');
      const reply = site.note(author, '/notes/reply', {
        ...{ inReplyTo: `${w.origin}/posts/${post.id}`, attachment: [], content: '<p>True</p>' },
      });
      site.documents.set('/notes/reply', reply);
      const forged = { ...reply, content: '<p>Forged</p>' };
      // in vic's own name, signed by E
      const create = { id: nextId(author), type: 'Create', actor: author.id, object: forged };
      assert.equal((await deliver(w, w.mallory, JSON.stringify(create))).status, 401);
      const before = w.v.asked.length;
      assert.ok([202, 403].includes((await deliver(w, w.mallory, { type: 'Create', object: forged })).status));
      await w.settle();
      assert.ok(w.v.asked.slice(before).filter((url) => url === reply.id).length <= 1);
      for (const { text } of await w.em().find(Comment, { uri: reply.id })) assert.equal(text, '<p>True</p>');
    },
  ],
  [
    'S28',
    'other spellings of an inbox are 404 or the same inbox, never another one',
    async (w) => {
      for (const path of [
        ...['/Users/alice/inbox', '/users/ALICE/inbox', '/users/alice/INBOX', '/users/%61lice/inbox', '//inbox'],
        ...['/users//alice/inbox', '/users/alice/inbox/', '/users/alice/./inbox', '/users/bob/../alice/inbox'],
        ...['/users/alice%2Finbox', '/users/bob%2F..%2Falice/inbox', '/%69nbox', '/inbox;x', '/users/alice%00/inbox'],
        ...['/users/%/inbox', '/users/%ff/inbox', '/users/alice%20/inbox', '/users/ alice/inbox', '/INBOX'],
      ]) {
        const actor = w.freshE().actor(`p${nextNumber()}`);
        const status = path.includes(' ')
          ? Number(
              /^HTTP\/1\.1 (\d+)/.exec(
                (await raw(w, `POST ${path} HTTP/1.1\r\nhost: node.example\r\n\r\n`, 500)).text,
              )?.[1],
            )
          : (await deliver(w, actor, follow(w), { path })).status;
        assert.ok([202, 400, 403, 404].includes(status), `${path}: ${status}`);
        await w.settle();
        const targets = await w.em().find(Follow, { follower: { uri: actor.id } });
        assert.ok(targets.every(({ target }) => target.id === w.alice.id));
      }
    },
  ],
  [
    'S29',
    'own variant: a signature of an hour ago still counts once, also for a Like whose first copy is known',
    async (w) => {
      const em = w.em();
      const post = givenPost(em, { owner: em.getReference(Account, w.alice.id) });
      await em.flush();
      const like = { id: nextId(w.vic), type: 'Like', object: `${w.origin}/posts/${post.id}` };
      for (const ms of [0, -HOUR_MS]) assert.equal((await deliver(w, w.vic, like, dated(w, ms))).status, 202);
      assert.equal((await deliver(w, w.vic, { ...like, id: nextId(w.vic) })).status, 202, 'under another id');
      await w.settle();
      assert.equal(await w.em().count(Reaction, { post: post.id }), 1);
    },
  ],
];

attackTable('A. Signatures', CASES);

const lengthOf = (length: number): Buffer =>
  length < 0x80 ? Buffer.of(length) : Buffer.of(0x82, length >> 8, length & 0xff);
const der = (tag: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);

/** A public RSA key that nobody holds the private half of. */
function publicPemOf(bits: number, exponent: bigint): string {
  const number = (bytes: Buffer) => der(0x02, Buffer.concat([Buffer.of(0), bytes]));
  const hex = exponent.toString(16);
  const e = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  const key = der(0x30, Buffer.concat([number(Buffer.alloc(bits / 8, 0xff)), number(e)]));
  const algorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');
  return pemOf(der(0x30, Buffer.concat([algorithm, der(0x03, Buffer.concat([Buffer.of(0), key]))])));
}

function pemOf(bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}
