import assert from 'node:assert/strict';
import { Account } from '../../../src/accounts/model.ts';
import { ModelFile } from '../../../src/catalogue/model.ts';
import { Image, Post, PostTag } from '../../../src/gallery/model.ts';
import { deliver, get, nextNumber } from './client.ts';
import { attackTable, type Case } from './table.ts';
import { ownPost, toldModel, toldPost } from './told.ts';
import type { World } from './world.ts';

// Spec section 4.D: what peers write, as our pages show it.

const HOSTILE = [
  '<script>pwn()</script>',
  '<img src=x onerror=pwn()>',
  '<svg onload=pwn()><script>pwn()</script></svg>',
  '<math><mtext></p><img src=x onerror=pwn()></mtext></math>',
  '<iframe src="https://pwn.example/"></iframe><object data="https://pwn.example/"></object><embed src="//pwn.example/">',
  '<form action="https://pwn.example/"><input name=pwn><button formaction="javascript:pwn()">x</button></form>',
  '<base href="https://pwn.example/"><meta http-equiv="refresh" content="0;url=https://pwn.example/">',
  '<style>@import "https://pwn.example/";</style><link rel=stylesheet href="https://pwn.example/">',
  '<template><script>pwn()</script></template><noscript><p title="</noscript><img src=x onerror=pwn()>">',
  '<a href="javascript:pwn()">a</a><a href="JaVaScRiPt:pwn()">b</a><a href=" javascript:pwn()">c</a>',
  '<a href="java&#10;script:pwn()">a</a><a href="&#106;avascript:pwn()">b</a><a href="java\tscript:pwn()">c</a>',
  '<a href="data:text/html,<script>pwn()</script>">a</a><a href="vbscript:pwn()">b</a><a href="//pwn.example">c</a>',
  '<p id="pwn" name="pwn" class="pwn button" style="position:fixed;inset:0" onclick="pwn()" data-pwn="1">x</p>',
  '<a href="https://e.example/pwn" target="_blank" rel="opener" ping="https://pwn.example">x</a>',
  '<svg><style><img src=x onerror=pwn()></style></svg><title><a href="</title><img src=x onerror=pwn()>">',
  '<!--><img src=x onerror=pwn()>--><![CDATA[<img src=x onerror=pwn()>]]><?xml <img src=x onerror=pwn()>?>',
  '<x-pwn contenteditable autofocus onfocus=pwn()><t-autosave data-url="https://pwn.example"></t-autosave>',
  '<a hx-get="https://pwn.example" hx-trigger="load" data-hx-on="pwn()" href="https://e.example/pwn">x</a>',
  '"><script>pwn()</script>',
  "'-pwn()-'",
  '{{ pwn }} {% pwn %} #{pwn}',
  '</textarea></title></script><script>pwn()</script>',
];

/** No tag of the page carries anything of theirs but text and plain links. */
function assertHarmless(html: string, what: string): void {
  for (const [tag, name = ''] of html.matchAll(/<([a-z][a-z0-9-]*)\b(?:[^>"]|"[^"]*")*>/gi)) {
    const attributes = [...tag.matchAll(/\s([^\s=>"'/]+)(?:="([^"]*)")?/g)];
    const context = `${what}: ${tag}`;
    for (const [, key = '', value = ''] of attributes) {
      assert.doesNotMatch(key, /^on|pwn|^srcdoc$|^formaction$|^ping$/i, context);
      if (/^(href|src|action|poster|data|xlink:href|data-url|hx-get|hx-post)$/i.test(key)) {
        const url = value.replace(/&#?\w+;/g, ' ').replace(/\s/g, '');
        assert.doesNotMatch(url, /^(javascript|vbscript|data:text)/i, context);
        if (/pwn/.test(url) && !/^\/(?!\/)/.test(url))
          assert.ok(name === 'a' && /\srel="(me )?nofollow noopener noreferrer ugc"/.test(tag), context);
      }
      if (/^(id|class|name|style|target)$/i.test(key)) assert.doesNotMatch(value, /pwn|fixed|_blank/, context);
    }
    assert.doesNotMatch(name, /^(iframe|object|embed|math|base|frame|applet|style|x-pwn)$/i, context);
    if (/^script$/i.test(name)) assert.match(tag, /\s(src="\/|type="application\/(ld\+)?json")/, context);
  }
  for (const [, inner = ''] of html.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/gi))
    assert.doesNotMatch(inner, /pwn\(/, what);
}

async function page(w: World, path: string): Promise<string> {
  let reply = await get(w, path, 'text/html');
  if (reply.status >= 300 && reply.status < 400) reply = await get(w, String(reply.headers.location), 'text/html');
  assert.equal(reply.status, 200, path);
  return reply.text;
}

async function openPost(w: World, changes: object) {
  const actor = await w.followed(w.carol);
  const post = await toldPost(w, actor, `/notes/${nextNumber()}`, { rating: 1, ...changes });
  await w.em().nativeUpdate(Post, { id: post.id }, { level: 1 });
  return { actor, post };
}

const CASES: readonly Case[] = [
  [
    'X01',
    'scripts, handlers, frames, styles and forms in what peers write are gone from every page',
    async (w) => {
      const all = HOSTILE.join('\n');
      const actor = await w.followed(w.carol);
      const { site } = actor;
      const post = await toldPost(w, actor, '/notes/1', { content: all, name: all, summary: all, rating: 1 });
      const model = await toldModel(w, actor, '/models/1', {
        ...{ content: all, name: all, source: { content: all, mediaType: 'text/html' } },
        version: { versionName: all, content: all, trainedWords: HOSTILE, baseModel: all },
      });
      const own = await ownPost(w, w.alice);
      const profile = {
        summary: all,
        name: all,
        attachment: [{ type: 'PropertyValue', name: all, value: all }],
        url: `${site.origin}/"><script>pwn()</script>`,
      };
      const eve = w.freshE().actor('eve', profile);
      const reply = eve.site.note(eve, '/n/1', { inReplyTo: `${w.origin}/posts/${own}`, content: all, attachment: [] });
      assert.equal((await deliver(w, eve, { type: 'Create', object: reply })).status, 202);
      for (const [n, hostile] of HOSTILE.entries()) {
        const one = eve.site.note(eve, `/n/one-${n}`, {
          inReplyTo: `${w.origin}/posts/${own}`,
          content: hostile,
          attachment: [],
        });
        assert.equal((await deliver(w, eve, { type: 'Create', object: one })).status, 202);
      }
      await w.settle();
      for (const path of [
        ...[
          `/posts/${own}`,
          `/posts/${post.id}`,
          `/models/${model.id}`,
          `/@eve@${eve.site.host}`,
          `/@followed@${site.host}`,
        ],
        ...['/', '/models', '/images', '/search?q=pwn', `/@alice`],
      ]) {
        assertHarmless(await page(w, path), path);
      }
      assert.match(await page(w, `/posts/${own}`), /eve/, 'control: the answers are there');
    },
  ],
  [
    'X02',
    'ids, classes, styles and targets are stripped, and links say that they are of others',
    async (w) => {
      const own = await ownPost(w, w.alice);
      const eve = w.freshE().actor('eve');
      const content =
        '<p id="main" name="body" class="card" style="position:fixed">x</p><a href="https://e.example/pwn" class="mention evil" target="_blank">link</a>';
      const reply = eve.site.note(eve, '/n/1', { inReplyTo: `${w.origin}/posts/${own}`, content, attachment: [] });
      await deliver(w, eve, { type: 'Create', object: reply });
      await w.settle();
      const html = await page(w, `/posts/${own}`);
      assertHarmless(html, 'reply');
      assert.match(
        html,
        /<a href="https:\/\/e\.example\/pwn" rel="nofollow noopener noreferrer ugc" class="mention">link<\/a>/,
      );
    },
  ],
  [
    'X03',
    'HTML in names, alt texts, tags, file names, trained words and samplers is shown as text',
    async (w) => {
      const evil = '<b onmouseover=pwn()>bold</b>';
      const actor = await w.followed(w.carol);
      const attachment = [
        {
          ...{ type: 'Image', mediaType: 'image/png', url: `${actor.site.origin}/p.png`, name: evil, rating: 1 },
          generation: { tool: evil, prompt: evil, negativePrompt: evil, sampler: evil, seed: '1', steps: 2, cfg: 1 },
          resources: [{ type: 'tessera:ResourceUse', name: evil, weight: 1 }],
        },
      ];
      const tag = [
        { type: 'Hashtag', name: `#${evil}` },
        { type: 'Emoji', name: `:${evil}:`, icon: { url: 'javascript:pwn()' } },
      ];
      const post = await toldPost(w, actor, '/notes/1', { attachment, tag, name: evil, rating: 1 });
      const files = [
        { type: 'Document', name: evil, url: `${actor.site.origin}/f`, size: 1, hashes: { sha256: 'cd'.repeat(32) } },
      ];
      const model = await toldModel(w, actor, '/models/1', {
        name: evil,
        version: { versionName: evil, trainedWords: [evil], files },
      });
      const image = await w.em().findOneOrFail(Image, { post: post.id });
      for (const path of [`/posts/${post.id}`, `/images/${image.id}`, `/models/${model.id}`]) {
        const html = await page(w, path);
        assertHarmless(html, path);
        assert.ok(!html.includes('<b onmouseover'), path);
      }
      assert.ok((await page(w, `/models/${model.id}`)).includes('&lt;b onmouseover'), 'control: it is there as text');
    },
  ],
  [
    'X04',
    'bidirectional overrides, invisible characters and endless names are cut',
    async (w) => {
      const bidi = '\u202egpj.exe\u202c\u200b\u2066\u2069\ufeff';
      const long = 'n'.repeat(100_000);
      const eve = w.freshE().actor('eve', { name: bidi + long, summary: long });
      assert.equal((await deliver(w, eve, { type: 'Like', object: w.aliceUri })).status, 202);
      const actor = await w.followed(w.carol);
      const post = await toldPost(w, actor, '/notes/1', { name: bidi + long, content: long });
      const model = await toldModel(w, actor, '/models/1', {
        name: bidi + long,
        version: { versionName: long, trainedWords: [long] },
      });
      const account = await w.em().findOneOrFail(Account, { uri: eve.id });
      for (const text of [account.displayName, post.title ?? '', model.name]) {
        assert.ok(text.length <= 200, String(text.length));
        assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u200b\ufeff]/);
      }
    },
  ],
  [
    'X05',
    'broken icons, attachments, blurhashes, sizes and focal points cost the detail and not the post',
    async (w) => {
      const actor = await w.followed(w.carol);
      const url = `${actor.site.origin}/p.png`;
      const good = { type: 'Image', mediaType: 'image/png', url };
      const attachment = [
        { ...good, blurhash: 'x'.repeat(10_000), width: -1, height: 1e9, focalPoint: [NaN, 'x'], name: { a: 1 } },
        { ...good, width: 'x', height: {}, blurhash: [], rating: 'x', digestMultibase: 'z'.repeat(5_000) },
        { type: 'Image', mediaType: 'image/svg+xml', url },
        { type: 'Document', mediaType: 'text/html', url },
        { type: 'Image', url: 'javascript:pwn()' },
        { type: 'Image', url: 'data:image/png;base64,AAAA' },
        'x',
        7,
        null,
        [],
        { type: 'Image', mediaType: 'image/png', url: [{}, 7] },
        { type: ['Image'], mediaType: 'image/png', url },
      ];
      const tag = [
        { type: 'Emoji', name: ':a"onload="x:', icon: { url: 'javascript:pwn()' } },
        { type: 'Emoji', name: 7 },
        'x',
        null,
      ];
      const post = await toldPost(w, actor, '/notes/1', {
        attachment,
        tag,
        icon: 'javascript:pwn()',
        rating: 1,
        sensitive: 'x',
      });
      assert.equal(post.state, 'published');
      const images = await w.em().find(Image, { post: post.id });
      assert.ok(images.length >= 1 && images.length <= 4);
      assertHarmless(await page(w, `/posts/${post.id}`), 'post');
    },
  ],
  [
    'X06',
    'a source that says other things than the content is sanitised like it',
    async (w) => {
      for (const mediaType of ['text/html', 'text/markdown', 'text/x.misskeymarkdown', 7]) {
        const source = { content: HOSTILE.join('\n'), mediaType };
        const { post } = await openPost(w, { source, content: '<p>Look</p>' });
        assertHarmless(await page(w, `/posts/${post.id}`), String(mediaType));
      }
    },
  ],
  [
    'X09',
    'file names that are paths, headers or disguises are plain names, and files of a third host are left out',
    async (w) => {
      const actor = await w.followed(w.carol);
      const file = (n: number, name: string, url = `${actor.site.origin}/f${n}`) => ({
        ...{ type: 'Document', name, url, size: 1, hashes: { sha256: n.toString(16).padStart(64, '0') } },
      });
      const files = [
        file(1, '../../etc/passwd'),
        file(2, '..\\..\\boot.ini'),
        file(3, 'a\r\nSet-Cookie: x=1.safetensors'),
        file(4, '\u202esrotensefas.exe'),
        file(5, ''),
        file(6, '.htaccess'),
        file(7, 'x'.repeat(10_000)),
        file(8, 'third.safetensors', 'https://e.example/x'),
        file(9, 'js.safetensors', 'javascript:pwn()'),
        { ...file(10, 'no hash'), hashes: {} },
        { ...file(11, 'bad hash'), hashes: { sha256: 'x' } },
        { ...file(12, 'bad size'), size: -1 },
      ];
      const model = await toldModel(w, actor, '/models/1', { version: { files } });
      const kept = await w.em().find(ModelFile, { version: { model: model.id } });
      for (const { name, remoteUrl } of kept) {
        assert.doesNotMatch(name, /[\\/\r\n\u202e]|^\./, name);
        assert.ok(name.length > 0 && name.length <= 200);
        assert.equal(new URL(remoteUrl ?? '').host, actor.site.host);
      }
      assert.ok(kept.length >= 6 && kept.every(({ name }) => !/third|js\.|hash/.test(name)));
      assertHarmless(await page(w, `/models/${model.id}`), 'model');
    },
  ],
  [
    'X10',
    'five hundred mentions and a thousand hashtags are few, and none holds a tag',
    async (w) => {
      const actor = await w.followed(w.carol);
      const hashtags = Array.from({ length: 900 }, (_, n) => ({ type: 'Hashtag', name: `#tag${n}` }));
      const tag = [
        { type: 'Hashtag', name: '#<b>' },
        { type: 'Hashtag', name: '#a"b' },
        { type: 'Hashtag', name: '#' },
        ...hashtags,
      ];
      const post = await toldPost(w, actor, '/notes/1', { tag });
      const count = await w.em().count(PostTag, { post: post.id });
      assert.ok(count > 0 && count <= 30, String(count));
      const mentions = Array.from({ length: 500 }, () => ({
        type: 'Mention',
        href: w.aliceUri,
        name: '@alice@node.example',
      }));
      const before = await w.mark();
      const eve = w.freshE().actor('eve');
      const note = eve.site.note(eve, '/n/1', { tag: mentions, content: '<p>@alice</p>'.repeat(500) });
      assert.equal((await deliver(w, eve, { type: 'Create', object: note })).status, 202);
      await w.nothing(before, { admitted: true, asks: [eve.id], knows: [eve.site] });
    },
  ],
  [
    'X11',
    'dates of the far future and past, and none at all, pin nothing to the top',
    async (w) => {
      const actor = await w.followed(w.carol);
      const dates = [
        '9999-12-31T23:59:59Z',
        '1901-01-01T00:00:00Z',
        'nonsense',
        '+275760-09-13T00:00:00.000Z',
        '',
        7,
        '2026-13-45T99:99:99Z',
      ];
      for (const [n, published] of dates.entries()) {
        const post = await toldPost(w, actor, `/notes/${n}`, { published, updated: published });
        assert.ok(post.publishedAt !== null && post.publishedAt !== undefined);
        assert.ok(post.publishedAt <= w.now(), String(published));
        assert.ok(post.publishedAt.getTime() > Date.UTC(2000, 0, 1), String(published));
        assert.ok((post.listedAt ?? post.publishedAt) <= w.now());
      }
    },
  ],
  [
    'X12',
    'own variant: a text of a hundred thousand tags is cut and sanitised without a stall',
    async (w) => {
      const own = await ownPost(w, w.alice);
      const eve = w.freshE().actor('eve');
      for (const [n, content] of [
        '<b>'.repeat(100_000),
        '<a href="https://e.example/pwn">'.repeat(20_000),
        '&lt;'.repeat(200_000),
        '<'.repeat(300_000),
      ].entries()) {
        const reply = eve.site.note(eve, `/n/${n}`, { inReplyTo: `${w.origin}/posts/${own}`, content, attachment: [] });
        assert.equal((await deliver(w, eve, { type: 'Create', object: reply })).status, 202);
      }
      await w.settle();
      assertHarmless(await page(w, `/posts/${own}`), 'long');
    },
  ],
];

attackTable('D. Content', CASES);
