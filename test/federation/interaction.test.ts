import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { ACTIVITY_JSON } from '../../src/federation/fetch-document.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { peerNode, settleAll } from './nodes.ts';
import { stranger } from './strangers.ts';

const interact = (uri: string) => `/authorize_interaction?uri=${encodeURIComponent(uri)}`;

test('a person of one node is followed from another by the box on their profile, and sees both ends', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await givenMember(home.em, 'alice');
  const bob = await away.member('bob');
  const visitor = new Browser(new URL(home.origin));

  const profile = await visitor.get('/@alice');
  assert.match(profile.text, new RegExp(`action="/accounts/${alice.id}/remote-follow"`));
  const answer = await visitor.post(`/accounts/${alice.id}/remote-follow`, { handle: `@bob@${away.host}` });
  assert.equal(answer.status, 200);
  const [, href = ''] = /href="([^"]*authorize_interaction[^"]*)"/.exec(answer.text) ?? [];
  assert.equal(href, `${away.origin}${interact(`alice@${home.host}`)}`);
  assert.match(answer.text, new RegExp(`Go on at ${away.host}`), 'the visitor sees where it leads');

  const page = await bob.browser.get(href.slice(away.origin.length));
  assert.equal(page.status, 200);
  const found = await away.node.orm.em.fork().findOneOrFail(Account, { uri: `${home.origin}/users/alice` });
  assert.match(page.text, new RegExp(`action="/accounts/${found.id}/follow"`));
  await bob.browser.post(`/accounts/${found.id}/follow`, { on: '1' });
  await settleAll(home, away);
  const follow = await home.node.orm.em.fork().findOneOrFail(Follow, { target: alice.id });
  assert.equal(follow.state, 'accepted');

  // signed in, there is nothing to do elsewhere
  assert.doesNotMatch((await bob.browser.get('/@bob')).text, /remote-follow/);
  // a mutual follow is said on the page of the one who is away
  const back = await home.member('carla');
  await back.browser.post('/sign-out');
  await back.browser.signIn('alice');
  const there = await home.node.orm.em.fork().findOneOrFail(Account, { uri: `${away.origin}/users/bob` });
  await back.browser.post(`/accounts/${there.id}/follow`, { on: '1' });
  await settleAll(home, away);
  const mutual = (await back.browser.get(`/@bob@${away.host}`)).text;
  assert.match(mutual, /You follow each other/);
  assert.match(mutual, new RegExp(`Open on ${away.host}`));
});

test('a handle that leads nowhere is said beside the field, and asks no server twice', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const peer = await stranger(t, '127.0.0.3');
  await peer.actor('vic');
  const alice = await givenMember(node.em, 'alice');
  const visitor = new Browser(new URL(node.origin));
  const post = (handle: string) => visitor.post(`/accounts/${alice.id}/remote-follow`, { handle });
  const host = new URL(peer.origin).host;

  for (const [handle, message] of [
    ['alice', /no handle/],
    ['https://v.example/@vic', /no handle/],
    [`@vic@${host}/../x`, /no handle/],
    [`@vic@${host}?x`, /no handle/],
    [`@alice@${node.host}`, /handle of this node/],
    ['', /Give your handle/],
  ] as const) {
    const answer = await post(handle);
    assert.equal(answer.status, 422, handle);
    assert.match(answer.text, message, handle);
  }
  assert.deepEqual(peer.asked, []);
  // it knows vic, and says nothing of following
  const silent = await post(`@vic@${host}`);
  assert.equal(silent.status, 422);
  assert.match(silent.text, new RegExp(`Search there for @alice@${node.host}`));
  assert.equal(peer.asked.length, 1);

  node.em.create(DomainPolicy, { host, stance: 'blocked', since: NOW }, { persist: true });
  await node.em.flush();
  assert.match((await post(`@vic@${host}`)).text, /does not speak with/);
  assert.equal(peer.asked.length, 1);
  assert.equal((await visitor.post('/accounts/999/remote-follow', { handle: '@vic@v.example' })).status, 404);
  let last = await post('alice');
  for (let times = 0; times < 12; times += 1) last = await post('alice');
  assert.equal(last.status, 429);
});

test('a template that is no web address, or without a place for the handle, is not followed', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const peer = await stranger(t, '127.0.0.3');
  const alice = await givenMember(node.em, 'alice');
  const host = new URL(peer.origin).host;
  for (const [index, template] of [
    'javascript:alert(1)//{uri}',
    'data:text/html,{uri}',
    `https://user:pw@${host}/{uri}`,
    `${peer.origin}/follow`,
    '{uri}',
  ].entries()) {
    const name = `vic${index}`;
    peer.documents.set(`/.well-known/webfinger?resource=${encodeURIComponent(`acct:${name}@${host}`)}`, {
      subject: `acct:${name}@${host}`,
      links: [{ rel: 'http://ostatus.org/schema/1.0/subscribe', template }],
    });
    const visitor = new Browser(new URL(node.origin));
    const answer = await visitor.post(`/accounts/${alice.id}/remote-follow`, { handle: `@${name}@${host}` });
    assert.equal(answer.status, 422, template);
    assert.doesNotMatch(answer.text, /javascript:|user:pw|data:text/);
  }
});

test('F17 only who is signed in makes this node look at an address; what it finds is shown, followed or opened', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const peer = await stranger(t, '127.0.0.3');
  const vic = await peer.actor('vic');
  const note = {
    ...{ id: `${peer.origin}/notes/1`, type: 'Note', attributedTo: vic.id, content: '<p>Look</p>' },
    ...{ to: ['https://www.w3.org/ns/activitystreams#Public'], cc: [], published: '2026-01-01T00:00:00Z' },
    attachment: [{ type: 'Image', mediaType: 'image/png', url: `${peer.origin}/1.png`, name: 'A valley' }],
  };
  peer.documents.set('/notes/1', note);
  const visitor = new Browser(new URL(node.origin));
  const sent = await visitor.get(interact(vic.id));
  assert.equal(sent.status, 302);
  assert.match(sent.location, /^\/sign-in\?next=/);
  assert.deepEqual(peer.asked, []);

  const { browser } = await node.member('bob');
  assert.match((await browser.get('/authorize_interaction')).text, /name="uri"/);
  const actor = await browser.get(interact(vic.id));
  assert.match(actor.text, /@vic@/);
  assert.match(actor.text, /\/follow"/);
  const object = await browser.get(interact(note.id));
  assert.match(object.text, /A post on/);
  const [, path = ''] = /class="button primary" href="(\/posts\/\d+)"/.exec(object.text) ?? [];
  assert.equal((await browser.get(path)).status, 200);
  const asked = peer.asked.length;
  await browser.get(interact(note.id));
  await browser.get(interact(vic.id));
  assert.equal(peer.asked.length, asked, 'what is known is not asked for again');

  for (const [uri, said] of [
    [`${peer.origin}/nothing`, /Nothing at this address/],
    ['javascript:alert(1)', /Nothing to show here/],
    ['nonsense', /Nothing to show here/],
    ['http://127.0.0.1:1/x', /127\.0\.0\.1:1 does not answer/],
  ] as const) {
    const answer = await browser.get(interact(uri));
    assert.equal(answer.status, 200, uri);
    assert.match(answer.text, said, uri);
    assert.doesNotMatch(answer.text, /href="javascript:/);
  }
  assert.equal((await browser.get(interact('x\0y'))).status, 400, 'no address holds NUL');
  let last = await browser.get(interact(`${peer.origin}/nothing`));
  for (let times = 0; times < 30; times += 1) last = await browser.get(interact(`${peer.origin}/nothing/${times}`));
  assert.equal(last.status, 429);
});

test('an address of our own leads to its page; a handle of ours too', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const { browser, account } = await node.member('bob');
  const em = node.node.orm.em.fork();
  const model = givenModel(em, { owner: em.getReference(Account, account.id) });
  givenVersion(em, { model });
  await em.flush();
  assert.equal((await browser.get(interact(`${node.origin}/models/${model.id}`))).location, `/models/${model.id}`);
  assert.equal((await browser.get(interact(`acct:bob@${node.host}`))).location, '/@bob');
});

test('what only some may see is not named to others who paste its address', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const em = node.node.orm.em.fork();
  const vic = givenAccount(em, { name: 'vic', host: 'v.example', uri: 'https://v.example/users/vic' });
  const post = givenPost(em, {
    ...{ owner: vic, isLocal: false, uri: 'https://v.example/notes/1', url: 'https://v.example/@vic/1' },
    ...{ visibility: 'followers', listedAt: null, title: 'Between us' },
  });
  givenImage(em, { post, owner: vic, isLocal: false, listedAt: null });
  await em.flush();
  const { browser } = await node.member('bob');
  for (const uri of ['https://v.example/notes/1', 'https://v.example/@vic/1']) {
    const { text } = await browser.get(interact(uri));
    assert.doesNotMatch(text, /Between us/);
  }
});

test('this node signs what it reads with its own actor, and knocks again in the other scheme on 401', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const knocks = await strictServer(t, '127.0.0.4');
  const { browser } = await node.member('bob');
  const page = await browser.get(interact(`${knocks.origin}/users/strict`));
  assert.match(page.text, /@strict@/);
  const [first, second] = knocks.seen;
  assert.match(first?.signature ?? '', new RegExp(`keyId="${node.origin}/actor#main-key"`));
  assert.equal(first?.input, undefined, 'Cavage first');
  assert.match(second?.input ?? '', new RegExp(`keyid="${node.origin}/actor#main-key"`));

  const actor = (await (await fetch(`${node.origin}/actor`, { headers: { accept: ACTIVITY_JSON } })).json()) as Record<
    string,
    unknown
  >;
  assert.deepEqual(
    [actor.type, actor.inbox, actor.outbox],
    ['Application', `${node.origin}/inbox`, `${node.origin}/actor/outbox`],
  );
  assert.equal((actor.publicKey as { id: string }).id, `${node.origin}/actor#main-key`);
  assert.equal((actor.assertionMethod as { id: string }[])[0]?.id, `${node.origin}/actor#ed25519-key`);
});

/** Answers readers who sign by RFC 9421, and 401 to all others. */
async function strictServer(t: TestContext, address: string) {
  const seen: { signature: string | undefined; input: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { signature, 'signature-input': input } = request.headers;
    seen.push({ signature: String(signature), input: input === undefined ? undefined : String(input) });
    if (input === undefined) return void response.writeHead(401).end();
    const id = `${origin}/users/strict`;
    response.writeHead(200, { 'content-type': ACTIVITY_JSON });
    response.end(
      JSON.stringify({ id, type: 'Person', preferredUsername: 'strict', inbox: `${id}/inbox`, outbox: `${id}/outbox` }),
    );
  });
  await new Promise<void>((done) => server.listen(0, address, done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const origin = `http://${address}:${(server.address() as AddressInfo).port}`;
  return { origin, seen };
}
