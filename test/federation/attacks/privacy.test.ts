import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { blockAccount } from '../../../src/accounts/block.ts';
import { Account, Follow } from '../../../src/accounts/model.ts';
import { DomainPolicy } from '../../../src/federation/peers/model.ts';
import { postPublished } from '../../../src/gallery/events.ts';
import { Comment, Image, Post, Reaction } from '../../../src/gallery/model.ts';
import { record } from '../../../src/kit/events/events.ts';
import { newId } from '../../../src/kit/ids.ts';
import { Browser } from '../../accounts/browser.ts';
import { givenFile, givenImage, givenModel, givenVersion } from '../../factories/content.ts';
import { cavage } from '../signing.ts';
import { AP, deliver, get, nextId, nextNumber, type Reply, send } from './client.ts';
import type { Actor } from './hosts.ts';
import { attackTable, type Case } from './table.ts';
import { ownModel, ownPost, toldModel, toldPost } from './told.ts';
import type { World } from './world.ts';

// Spec section 4.E: what leaves the node, and for whom.

/** A GET signed as this actor, as a peer with authorised fetch sends it. */
function signedGet(w: World, actor: Actor, path: string): Promise<Reply> {
  const message = cavage({
    ...{ method: 'GET', target: path, body: '', keyId: actor.keyId, names: ['(request-target)', 'host', 'date'] },
    headers: { host: 'node.example', date: w.now().toUTCString() },
    makeSignature: (text) => sign('sha256', Buffer.from(text), actor.keys.rsaPrivatePem),
  });
  return send(w, 'GET', path, [...message.rawHeaders, 'accept', AP]);
}

/** What an answer tells, without what differs from one request to the next. */
const told = ({ status, text, headers }: Reply, ...secrets: readonly string[]): unknown => [
  status,
  headers['content-type'],
  headers['cache-control'],
  secrets.reduce((all, secret) => all.replaceAll(secret, '?'), text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '')),
];

const SECRETS = [
  ...[
    /PRIVATE KEY/,
    /"?_meta"?\s*:/,
    /"(bto|bcc)"/,
    /@example\.org/,
    /\n\s+at .+:\d+:\d+/,
    /node_modules/,
    /rsaPrivate/,
  ],
  ...[/ed25519Private/, /argon2/, /passwordHash/, /"email"\s*:/, /\/tmp\//, /SQLITE_|syntax error at or near/],
];

const CASES: readonly Case[] = [
  [
    'P01',
    'no public address gives away keys, mail addresses, blind recipients, internals or stack traces',
    async (w) => {
      const actor = await w.followed(w.carol);
      const post = await toldPost(w, actor, '/notes/1', {
        bto: [w.aliceUri],
        bcc: [w.bobUri],
        _meta: { x: 1 },
        rating: 1,
      });
      const model = await toldModel(w, actor, '/models/1', { bto: [w.aliceUri] });
      const [own, ownM] = [await ownPost(w, w.alice), await ownModel(w, w.alice)];
      await deliver(w, actor, { type: 'Like', object: `${w.origin}/posts/${own}`, bto: [w.bobUri], _meta: 1 });
      await w.settle();
      const start = [
        ...[
          '/',
          '/models',
          '/images',
          '/about',
          '/search?q=a',
          '/api/v1/models',
          '/api/v1/images',
          '/api/openapi.json',
        ],
        ...[
          '/.well-known/nodeinfo',
          '/nodeinfo/2.0',
          '/nodeinfo/2.1',
          '/.well-known/host-meta',
          '/actor',
          '/actor/outbox',
        ],
        ...['alice', 'bob', 'carol'].flatMap((name) => [
          ...[`/users/${name}`, `/@${name}`, `/.well-known/webfinger?resource=acct:${name}@node.example`],
          ...['followers', 'following', 'liked', 'outbox', 'outbox?page=true', 'featured'].map(
            (end) => `/users/${name}/${end}`,
          ),
        ]),
        ...[`/posts/${own}`, `/posts/${own}/replies`, `/posts/${own}/likes`, `/models/${ownM}`, `/posts/${post.id}`],
        ...[
          `/models/${model.id}`,
          '/feeds/models.atom',
          '/sitemap.xml',
          '/robots.txt',
          '/%ff',
          '/models/x',
          '/users/%2e%2e',
        ],
      ];
      const seen = new Set<string>();
      const queue = [...start];
      for (let path = queue.shift(); path !== undefined && seen.size < 120; path = queue.shift()) {
        if (seen.has(path)) continue;
        seen.add(path);
        for (const accept of ['text/html', AP]) {
          const { text, status } = await get(w, path, accept);
          assert.ok(status < 500, path);
          for (const secret of SECRETS) assert.doesNotMatch(text, secret, `${path} as ${accept}`);
          for (const [, href = ''] of text.matchAll(/\shref="(\/(?!assets)[^"#]*)"/g))
            queue.push(href.replaceAll('&amp;', '&'));
        }
      }
      assert.ok(seen.size > 60);
    },
  ],
  [
    'P02',
    'a followers-only post answers like a missing one to all who may not see it, by every path',
    async (w) => {
      const hidden = await ownPost(w, w.bob, 'followers');
      const em = w.em();
      const image = givenImage(em, { post: await em.findOneOrFail(Post, hidden), listedAt: null });
      // what its friends say about it betrays it as well
      const account = em.getReference(Account, w.bob.id);
      for (const where of [{ post: hidden }, { image }]) {
        em.create(Reaction, { id: newId(), account, createdAt: w.now(), ...where }, { persist: true });
        em.create(
          Comment,
          { id: newId(), author: account, text: 'Friends', createdAt: w.now(), ...where },
          { persist: true },
        );
      }
      await em.flush();
      const missing = 2_000_000;
      const stranger = w.freshE().actor('eve');
      assert.equal((await deliver(w, stranger, { type: 'Like', object: w.aliceUri })).status, 202);
      for (const [kind, id] of [
        ['posts', hidden],
        ['images', image.id],
      ] as const) {
        for (const end of ['', '/replies', '/likes', '/comments', '/activity', '.atom', '?page=true']) {
          const [path, other] = [`/${kind}/${id}${end}`, `/${kind}/${missing}${end}`];
          const secrets = [`${kind}/${id}`, `${kind}/${missing}`];
          for (const accept of [AP, 'text/html', 'application/json']) {
            const [one, two] = [await get(w, path, accept), await get(w, other, accept)];
            assert.deepEqual(told(one, ...secrets), told(two, ...secrets), `${path} as ${accept}`);
            assert.ok(!one.text.includes('For friends'));
          }
          for (const actor of [w.mallory, stranger, w.vic]) {
            const [one, two] = [await signedGet(w, actor, path), await signedGet(w, actor, other)];
            assert.deepEqual(told(one, ...secrets), told(two, ...secrets), `${path} by ${actor.id}`);
            assert.ok(!one.text.includes('For friends'));
          }
        }
      }
      for (const path of [
        '/',
        '/images',
        '/search?q=friends',
        '/@bob',
        '/users/bob/outbox?page=true',
        '/api/v1/images',
        '/sitemap.xml',
        '/feeds/bob.atom',
      ]) {
        for (const accept of ['text/html', AP])
          assert.ok(!(await get(w, path, accept)).text.includes('For friends'), path);
      }
      for (const size of ['320', 'original']) {
        for (const end of ['webp', 'png'])
          assert.equal((await get(w, `/media/${size}/${image.id}.${end}`, '*/*')).status, 404);
      }
      const fans = await signedGet(w, w.fan, `/posts/${hidden}`);
      assert.ok([200, 404].includes(fans.status), 'the follower may, where fetches are authorised');
    },
  ],
  [
    'P03',
    'outbox, totals and pages count and show what is public, and nothing else',
    async (w) => {
      const read = async (path: string) =>
        JSON.parse((await get(w, path)).text) as { totalItems?: number; orderedItems?: object[]; next?: string };
      const before = await read('/users/bob/outbox');
      await ownPost(w, w.bob, 'followers');
      await w.em().nativeUpdate(Post, { id: await ownPost(w, w.bob, 'followers') }, { visibility: 'direct' });
      await w.em().nativeUpdate(Post, { id: await ownPost(w, w.bob, 'followers') }, { state: 'draft' });
      const after = await read('/users/bob/outbox');
      assert.equal(after.totalItems, before.totalItems);
      let path: string | undefined = '/users/bob/outbox?page=true';
      for (let pages = 0; path !== undefined && pages < 20; pages += 1) {
        const { next, orderedItems = [] } = await read(path);
        assert.ok(!JSON.stringify(orderedItems).includes('For friends'));
        path = typeof next === 'string' ? new URL(next).pathname + new URL(next).search : undefined;
      }
      for (const page of ['x', '-1', '1e9', '9'.repeat(30), "1'or'1", '%00', '']) {
        assert.ok((await get(w, `/users/bob/outbox?page=${page}`)).status < 500, page);
      }
    },
  ],
  [
    'P04',
    'who follows whom, and inboxes, are not shown',
    async (w) => {
      for (const end of ['followers', 'following', 'liked']) {
        for (const page of ['', '?page=true', '?page=1', '?page=999', '?cursor=x']) {
          const { text, status } = await get(w, `/users/bob/${end}${page}`);
          // a cursor that this node never gave out is no page
          assert.ok(status === 200 || status === 400, `${end}${page}`);
          assert.ok(!text.includes(w.fan.id), end);
        }
      }
      for (const end of ['blocked', 'rejected', 'rejections', 'blocks', 'shares', 'nodes']) {
        assert.equal((await get(w, `/users/bob/${end}`)).status, 404, end);
      }
      for (const path of ['/users/bob/inbox', '/inbox', '/actor/inbox']) {
        assert.ok([404, 405].includes((await get(w, path)).status), path);
      }
      for (const path of ['/proxy?id=https://e.example/', '/users/bob/proxy', '/outbox'])
        assert.equal((await get(w, path)).status, 404);
    },
  ],
  [
    'P08',
    'whom alice blocks is told nothing, and nothing that they say reaches her',
    async (w) => {
      const site = w.freshE();
      const eve = site.actor('eve');
      const own = await ownPost(w, w.alice);
      assert.equal((await deliver(w, eve, { type: 'Follow', object: w.aliceUri })).status, 202);
      await w.settle();
      const account = await w.em().findOneOrFail(Account, { uri: eve.id });
      await blockAccount(w.workAs(w.alice), account.id, 'block');
      await w.settle();
      assert.equal(await w.em().count(Follow, { follower: account.id }), 0);
      const heard = site.received.length;
      const object = `${w.origin}/posts/${own}`;
      const note = (more: object) => site.note(eve, `/n/${nextNumber()}`, { attachment: [], ...more });
      for (const activity of [
        { type: 'Follow', object: w.aliceUri },
        { type: 'Like', object },
        { type: 'EmojiReact', object, content: '🔥' },
        { type: 'Announce', object },
        { type: 'Create', object: note({ inReplyTo: object }) },
        { type: 'Create', object: note({ tag: [{ type: 'Mention', href: w.aliceUri }], to: [w.aliceUri] }) },
        { type: 'Block', object: w.aliceUri },
      ]) {
        const { status, text } = await deliver(w, eve, activity);
        assert.deepEqual([status, text], [202, ''], activity.type);
      }
      await w.settle();
      assert.equal(await w.em().count(Follow, { follower: account.id }), 0);
      assert.equal(await w.em().count(Reaction, { account: account.id }), 0);
      assert.equal(await w.em().count(Comment, { author: account.id }), 0);
      assert.equal(site.received.length, heard, 'no answer betrays it');
    },
  ],
  [
    'P09',
    'of a suspended actor, or a blocked host, nothing new appears, also by the boost of a friend (CVE-2026-23961)',
    async (w) => {
      const friend = await w.followed(w.carol);
      const shady = await w.followed(w.carol);
      const old = shady.site.note(shady, '/notes/old');
      shady.site.documents.set('/notes/old', old);
      await w.em().nativeUpdate(Account, { uri: shady.id }, { state: 'suspended' });
      const asked = w.v.asked.length;
      for (const activity of [
        { type: 'Create', object: shady.site.note(shady, '/notes/new') },
        { type: 'Update', object: old },
        { type: 'Like', object: w.aliceUri },
        { type: 'Follow', object: w.aliceUri },
      ]) {
        assert.equal((await deliver(w, shady, activity)).status, 202);
      }
      await w.settle();
      assert.equal(w.v.asked.length, asked, 'and nobody is asked anything');
      assert.equal((await deliver(w, friend, { type: 'Announce', object: old.id })).status, 202);
      await w.settle();
      assert.equal(await w.em().count(Post, { uri: { $in: [old.id, `${shady.site.origin}/notes/new`] } }), 0);

      const site = w.freshE();
      const blocked = site.actor('x');
      site.documents.set('/n', site.note(blocked, '/n'));
      const em = w.em();
      em.create(DomainPolicy, { host: site.host, stance: 'blocked', since: w.now() }, { persist: true });
      await em.flush();
      const mark = await w.mark();
      for (const activity of [
        { type: 'Follow', object: w.aliceUri },
        { type: 'Delete', object: blocked.id },
      ]) {
        assert.equal((await deliver(w, blocked, activity)).status, 202);
      }
      await w.nothing(mark);
      assert.equal((await deliver(w, friend, { type: 'Announce', object: `${site.origin}/n` })).status, 202);
      await w.nothing(mark, { admitted: true });
      await w.em().nativeDelete(DomainPolicy, { host: site.host });
    },
  ],
  [
    'P10',
    'what is deleted here is a 410 without content, its picture is gone, and followers are told',
    async (w) => {
      const site = w.freshV();
      const fan = site.actor('fan');
      assert.equal((await deliver(w, fan, { type: 'Follow', object: w.aliceUri })).status, 202);
      await w.settle();
      const id = await ownPost(w, w.alice);
      const em = w.em();
      const image = givenImage(em, { post: await em.findOneOrFail(Post, id) });
      record(em, postPublished, { postId: id });
      await em.flush();
      await w.settle();
      assert.ok(site.received.some(({ body }) => body.type === 'Create'));
      assert.equal((await get(w, `/posts/${id}`)).status, 200);
      const browser = new Browser(w.listening);
      await browser.signIn('alice');
      assert.ok((await browser.post(`/posts/${id}/removal`)).status < 400);
      w.clock.pass(60_000);
      await w.settle();
      const { status, text } = await get(w, `/posts/${id}`);
      assert.equal(status, 410);
      const { '@context': _context, ...tombstone } = JSON.parse(text) as Record<string, unknown>;
      assert.equal(tombstone.type, 'Tombstone');
      assert.ok(!text.includes('For friends'));
      for (const name of ['320', 'original']) {
        assert.ok([404, 410].includes((await get(w, `/media/${name}/${image.id}.png`, '*/*')).status));
      }
      assert.ok([404, 410].includes((await get(w, `/images/${image.id}`)).status));
      assert.ok(site.received.some(({ body }) => body.type === 'Delete'));
    },
  ],
  [
    'P11',
    'a draft or private model that a remote picture names is not disclosed',
    async (w) => {
      const em = w.em();
      const owner = em.getReference(Account, w.alice.id);
      const model = givenModel(em, { owner, name: 'Topsecret', state: 'draft', publishedAt: null, listedAt: null });
      const version = givenVersion(em, { model, name: 'hidden-v1', state: 'draft', publishedAt: null });
      const file = givenFile(em, { version, name: 'hidden-file.safetensors' });
      await em.flush();
      const actor = await w.followed(w.carol);
      const resources = [
        { type: 'tessera:ResourceUse', model: `${w.origin}/versions/${version.id}`, weight: 1 },
        { type: 'tessera:ResourceUse', weight: 1, hashes: { sha256: file.sha256, autov2: file.sha256.slice(0, 10) } },
      ];
      const attachment = [
        { type: 'Image', mediaType: 'image/png', url: `${actor.site.origin}/p.png`, rating: 1, resources },
      ];
      const post = await toldPost(w, actor, '/notes/1', {
        attachment,
        rating: 1,
        context: `${w.origin}/versions/${version.id}`,
      });
      const image = await w.em().findOneOrFail(Image, { post: post.id });
      for (const path of [
        `/posts/${post.id}`,
        `/images/${image.id}`,
        '/images',
        `/models/${model.id}`,
        `/versions/${version.id}`,
      ]) {
        for (const accept of ['text/html', AP]) {
          assert.doesNotMatch((await get(w, path, accept)).text, /Topsecret|hidden-v1|hidden-file/, path);
        }
      }
    },
  ],
  [
    'P13',
    'shared caches cannot mix pages and objects, and what is refused is not kept',
    async (w) => {
      const [post, model] = [await ownPost(w, w.alice), await ownModel(w, w.alice)];
      for (const path of [
        '/users/alice',
        '/@alice',
        `/posts/${post}`,
        `/models/${model}`,
        `/versions/2000000`,
        `/posts/2000000`,
      ]) {
        for (const accept of [AP, 'text/html']) {
          const { headers, status } = await get(w, path, accept);
          assert.match(String(headers.vary), /\bAccept\b/i, `${path} as ${accept}`);
          if (status >= 400) assert.match(String(headers['cache-control']), /no-store/, path);
        }
      }
      const browser = new Browser(w.listening);
      await browser.signIn('alice');
      for (const path of ['/settings/profile', '/notifications']) {
        const { headers, status } = await browser.get(path);
        if (status === 200) assert.match(headers.get('cache-control') ?? '', /no-store|private/, path);
      }
    },
  ],
  [
    'P14',
    'what is not well formed is answered with short JSON that repeats nothing of it',
    async (w) => {
      const secret = 'pwn-secret-token';
      const replies = [
        await deliver(w, w.mallory, `{"${secret}":`),
        await deliver(w, w.mallory, { type: 'Follow', object: { [secret]: 1 } }),
        await deliver(w, w.mallory, { type: secret, object: [[[secret]]] }),
        await deliver(w, w.mallory, { type: 'Create', object: { id: secret, type: secret } }),
        await deliver(w, w.mallory, { type: 'Follow', object: w.aliceUri }, { contentType: secret }),
        await deliver(w, w.mallory, { type: 'Follow', object: w.aliceUri }, { headers: { digest: secret } }),
        await deliver(w, w.mallory, { type: 'Follow', object: w.aliceUri }, { keyIdNote: secret } as object),
        await deliver(w, w.mallory, { id: nextId(w.vic), type: 'Follow', object: secret }),
        await send(w, 'POST', `/users/${secret}/inbox`, ['host', 'node.example', 'content-type', AP], '{}'),
        await send(w, 'POST', '/inbox', ['host', 'node.example', 'content-type', AP, 'signature', secret], '{}'),
        await get(w, `/users/${secret}`),
        await get(w, `/.well-known/webfinger?resource=${secret}`),
        await get(w, '/.well-known/webfinger'),
        await get(w, '/.well-known/webfinger?resource=acct:%00@node.example'),
        await get(w, `/posts/${newId()}`),
        await get(w, '/posts/99999999999999999999'),
        await get(w, '/users/alice/outbox?page=1&page=2'),
        await get(w, '/users/alice%2foutbox'),
        await get(w, '/nodeinfo/9.9'),
      ];
      for (const { status, text, headers } of replies) {
        if (status === 202) continue;
        assert.ok(status >= 400 && status < 500, `${status} ${text}`);
        assert.match(String(headers['content-type']), /json/, text.slice(0, 200));
        assert.ok(text.length < 300, text);
        assert.equal(typeof (JSON.parse(text) as { error?: unknown }).error, 'string');
        assert.ok(!text.includes(secret), text);
      }
    },
  ],
];

attackTable('E. Privacy and leaks', CASES);
