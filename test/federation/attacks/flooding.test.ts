import assert from 'node:assert/strict';
import { Account, Follow } from '../../../src/accounts/model.ts';
import { InboxItem } from '../../../src/federation/model.ts';
import { Browser } from '../../accounts/browser.ts';
import { AP, deliver, deliver9421, nextId, nextNumber, raw, send } from './client.ts';
import { attackTable, type Case } from './table.ts';
import type { World } from './world.ts';

// Spec section 4.F: floods, order, and requests that are not well formed.

const follow = (w: World) => ({ type: 'Follow', object: w.aliceUri });
const HOST = ['host', 'node.example'] as const;
const tally = (statuses: readonly number[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

const CASES: readonly Case[] = [
  [
    'R01',
    'three hundred unsigned posts are cheap refusals, and a good peer among them is heard',
    async (w) => {
      const mark = await w.mark();
      const body = JSON.stringify({ id: nextId(w.vic), actor: w.vic.id, ...follow(w), content: 'x'.repeat(2_000) });
      const flood: Promise<{ status: number }>[] = [];
      for (let n = 0; n < 300; n += 1) {
        flood.push(send(w, 'POST', n % 2 === 0 ? '/inbox' : '/users/alice/inbox', [...HOST, 'content-type', AP], body));
        if (n % 10 === 9) await new Promise((done) => setImmediate(done));
      }
      const statuses = (await Promise.all(flood)).map(({ status }) => status);
      assert.ok(
        statuses.every((status) => status === 401 || status === 429),
        JSON.stringify(tally(statuses)),
      );
      await w.nothing(mark);
      const more = Array.from({ length: 50 }, () => send(w, 'POST', '/inbox', [...HOST, 'content-type', AP], body));
      const good = await deliver(w, w.vic, follow(w));
      assert.equal(good.status, 202);
      await Promise.all(more);
    },
  ],
  [
    'R02',
    'a signed flood of one host is answered with 429 and Retry-After, and others are heard',
    async (w) => {
      const site = w.freshE();
      const eve = site.actor('eve');
      const said = { id: nextId(eve), type: 'Like', object: w.aliceUri };
      const statuses: number[] = [];
      for (let round = 0; round < 65; round += 1) {
        const replies = await Promise.all(Array.from({ length: 20 }, () => deliver(w, eve, said)));
        for (const { status, headers } of replies) {
          statuses.push(status);
          if (status === 429) assert.ok(Number(headers['retry-after']) > 0);
        }
        if (statuses.includes(429)) break;
      }
      assert.deepEqual(Object.keys(tally(statuses)), ['202', '429']);
      assert.equal((await deliver(w, w.vic, follow(w))).status, 202);
      await w.settle();
      assert.equal(await w.em().count(InboxItem, { uri: said.id }), 1);
    },
  ],
  [
    'R03',
    'follows from ever new actors of one host are cut off',
    async (w) => {
      const site = w.freshE();
      const statuses: number[] = [];
      for (let n = 0; n < 130; n += 1) {
        const actor = site.actor(`x${n}`);
        // most do not exist, which costs the node the same question and the suite less
        if (n >= 6) site.documents.delete(`/users/x${n}`);
        statuses.push((await deliver(w, actor, follow(w))).status);
      }
      await w.settle();
      // the first as a stranger, and 120 from where its host proved itself
      assert.deepEqual(tally(statuses), { 202: 6, 401: 115, 429: 9 });
      assert.equal(await w.em().count(Follow, { follower: { host: site.host } }), 6);
    },
  ],
  [
    'R04',
    'Deletes of actors whom nobody knows are 202 without a question and without a row',
    async (w) => {
      const site = w.freshE();
      const mark = await w.mark();
      for (let n = 0; n < 200; n += 1) {
        const actor = site.actor(`gone${n}`);
        const { status } = await deliver(w, actor, { type: 'Delete', object: actor.id, to: ['as:Public'] });
        assert.equal(status, 202);
      }
      await w.nothing(mark);
    },
  ],
  [
    'R05',
    'one activity to the shared and to a personal inbox has one effect',
    async (w) => {
      const actor = w.freshV().actor('x');
      const said = { id: nextId(actor), ...follow(w) };
      for (const path of ['/inbox', '/users/alice/inbox', '/users/bob/inbox', '/inbox']) {
        assert.equal((await deliver(w, actor, said, { path })).status, 202);
      }
      await w.settle();
      assert.equal(await w.em().count(InboxItem, { uri: said.id }), 1);
      assert.equal(await w.em().count(Follow, { follower: { uri: actor.id } }), 1);
      assert.equal(actor.site.received.length, 1);
    },
  ],
  [
    'R06',
    'own variant: what one actor says in order takes effect in order, also when all comes at once',
    async (w) => {
      const actor = w.freshV().actor('x');
      assert.equal((await deliver(w, actor, { type: 'Like', object: w.aliceUri })).status, 202);
      for (let n = 0; n < 5; n += 1) {
        const said = { id: nextId(actor), actor: actor.id, ...follow(w) };
        await deliver(w, actor, said);
        await deliver(w, actor, { type: 'Undo', object: said });
      }
      await w.settle();
      assert.equal(await w.em().count(Follow, { follower: { uri: actor.id } }), 0);
    },
  ],
  [
    'R08',
    'a second knock with the other kind of signature costs no other look, and has one effect',
    async (w) => {
      const actor = w.freshV().actor('x');
      assert.equal((await deliver(w, actor, { type: 'Like', object: w.aliceUri })).status, 202);
      await w.settle();
      const before = w.v.asked.length;
      const said = { id: nextId(actor), ...follow(w) };
      assert.equal((await deliver9421(w, actor, said, { parameters: `;keyid="${actor.keyId}"` })).status, 401);
      assert.equal((await deliver(w, actor, said)).status, 202);
      assert.equal((await deliver9421(w, actor, said)).status, 202);
      await w.settle();
      assert.equal(w.v.asked.length, before);
      assert.equal(await w.em().count(Follow, { follower: { uri: actor.id } }), 1);
      assert.equal(actor.site.received.length, 1);
    },
  ],
  [
    'R09',
    'other types and other methods are 415 and 405, signed or not',
    async (w) => {
      const mark = await w.mark();
      for (const contentType of [
        ...[
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          'text/html',
          'image/png',
        ],
        ...['application/json', 'application/ld+json', 'application/ld+json; profile="x"', '*/*', 'x', '', null],
      ]) {
        const { status } = await deliver(w, w.mallory, follow(w), { contentType });
        assert.ok([400, 415].includes(status), `${contentType}: ${status}`);
      }
      for (const path of ['/inbox', '/users/alice/inbox']) {
        for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
          const { status, headers } = await send(w, method, path, [...HOST, 'accept', AP]);
          assert.equal(status, 405, `${method} ${path}`);
          assert.equal(headers.allow, 'POST');
          const signed = await deliver(w, w.mallory, follow(w), { path, method, sentMethod: method });
          assert.equal(signed.status, 405, `${method} ${path}`);
        }
      }
      await w.nothing(mark);
    },
  ],
  [
    'R11',
    'cookies and forms have no authority on inboxes and outboxes',
    async (w) => {
      const browser = new Browser(w.listening);
      await browser.signIn('alice');
      const mark = await w.mark();
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const post = {
        '@context': 'https://www.w3.org/ns/activitystreams',
        type: 'Note',
        content: 'Hello',
        to: ['as:Public'],
      };
      const said = JSON.stringify({
        id: `${w.aliceUri}/acts/${nextNumber()}`,
        actor: w.aliceUri,
        type: 'Create',
        object: post,
      });
      const sites = [
        [],
        ['sec-fetch-site', 'same-origin'],
        ['sec-fetch-site', 'cross-site', 'origin', 'https://e.example'],
      ];
      for (const path of ['/inbox', '/users/alice/inbox', '/users/alice/outbox', '/outbox']) {
        for (const site of sites) {
          for (const [type, body] of [
            [AP, said],
            ['application/x-www-form-urlencoded', 'type=Create'],
            ['text/plain', said],
          ] as const) {
            const headers = [...HOST, 'cookie', cookie, 'content-type', type, ...site];
            const { status } = await send(w, 'POST', path, headers, body);
            assert.ok([401, 403, 404, 405, 415].includes(status), `${path} ${type} ${site}: ${status}`);
          }
        }
      }
      for (const path of ['/users/alice/inbox', '/inbox']) {
        assert.equal((await send(w, 'GET', path, [...HOST, 'cookie', cookie, 'accept', AP])).status, 405);
      }
      await w.nothing(mark);
    },
  ],
  [
    'R12',
    'lengths that lie, two lengths, and requests within requests close the connection',
    async (w) => {
      const mark = await w.mark();
      const start = `POST /inbox HTTP/1.1\r\nhost: node.example\r\ncontent-type: ${AP}\r\n`;
      const smuggled = 'GET /healthz HTTP/1.1\r\nhost: node.example\r\n\r\n';
      for (const [what, bytes] of [
        ['chunked and a length', `${start}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
        ['two lengths', `${start}content-length: 4\r\ncontent-length: 5\r\n\r\nabcd${smuggled}`],
        ['a negative length', `${start}content-length: -1\r\n\r\n${smuggled}`],
        ['a length in hex', `${start}content-length: 0x4\r\n\r\nabcd${smuggled}`],
        ['a length with a sign', `${start}content-length: +4\r\n\r\nabcd${smuggled}`],
        ['an unknown coding', `${start}transfer-encoding: xchunked\r\n\r\nabcd${smuggled}`],
        ['a coding twice', `${start}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n${smuggled}`],
        ['a bad chunk', `${start}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n${smuggled}`],
        ['a folded header', `${start}x: a\r\n b\r\ncontent-length : 4\r\n\r\nabcd${smuggled}`],
        ['a bare LF', `${start}x: y\ncontent-length: 4\n\nabcd${smuggled}`],
        ['no host', `POST /inbox HTTP/1.1\r\ncontent-length: 0\r\n\r\n${smuggled}`],
        ['two hosts', `${start}host: e.example\r\ncontent-length: 0\r\n\r\n`],
      ] as const) {
        const { text } = await raw(w, bytes, 700);
        const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
        assert.ok(
          statuses.every((status) => status >= 400 && status < 500),
          `${what}: ${statuses}`,
        );
      }
      // a body that is longer than any activity: the answer comes, and the rest is not waited for
      const endless = await raw(
        w,
        `${start}transfer-encoding: chunked\r\n\r\n${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(17)}`,
        5_000,
      );
      assert.match(endless.text, /^HTTP\/1\.1 413/);
      assert.ok(endless.isClosed, 'the connection is closed');
      // each of several requests on one connection is judged by itself
      const unsigned = `${start}content-length: 2\r\n\r\n{}`;
      const { text } = await raw(w, unsigned.repeat(5), 1_500);
      assert.deepEqual(
        [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status),
        Array(5).fill('401'),
      );
      await w.nothing(mark);
    },
  ],
  [
    'R13',
    'own variant: a body that never comes loses the connection within ten seconds, and holds nobody up',
    async (w) => {
      const start = `POST /inbox HTTP/1.1\r\nhost: node.example\r\ncontent-type: ${AP}\r\ncontent-length: 500\r\n\r\n{`;
      const dripping = Array.from({ length: 40 }, () => raw(w, start, 25_000));
      assert.equal((await deliver(w, w.vic, follow(w))).status, 202);
      for (const { text, isClosed } of await Promise.all(dripping)) {
        assert.match(text, /^HTTP\/1\.1 400/);
        assert.ok(isClosed);
      }
      // who hangs up in the middle is no fault of ours
      await raw(w, start, 50);
      assert.equal((await deliver(w, w.vic, follow(w))).status, 202);
    },
  ],
  [
    'R14',
    'own variant: a name that passes from one actor of E to another leaves both accounts whole',
    async (w) => {
      const site = w.freshE();
      const one = site.actor('one', { preferredUsername: 'same' });
      const two = site.actor('two', { preferredUsername: 'same' });
      for (const actor of [one, two, one]) {
        assert.equal((await deliver(w, actor, { type: 'Like', object: w.aliceUri })).status, 202);
        await w.settle();
      }
      assert.equal(await w.em().count(Account, { host: site.host, name: 'same' }), 1);
      assert.equal(await w.em().count(Account, { uri: { $in: [one.id, two.id] } }), 2);
      const ours = w.freshE();
      await deliver(w, ours.actor('alice', { preferredUsername: 'alice' }), follow(w));
      await w.settle();
      assert.equal((await w.em().findOneOrFail(Account, { host: '', name: 'alice' })).id, w.alice.id);
    },
  ],
];

attackTable('F. Floods, order and form', CASES);
