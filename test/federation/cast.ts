import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { TestContext } from 'node:test';
import sharp from 'sharp';
import { Account } from '../../src/accounts/model.ts';
import { loadSigningKey } from '../../src/federation/actors/keys.ts';
import { NODE_ACTOR } from '../../src/federation/model.ts';
import { type SigningKey, signCavage } from '../../src/federation/signatures/sign.ts';
import type { Browser } from '../accounts/browser.ts';
import { type Peer, peerNode, settleAll } from './nodes.ts';
import { post, type StrangeActor, type Stranger, stranger } from './strangers.ts';

export const AP = 'application/activity+json';
export const PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';
export const AWAY_ID = 2_000_000;

/**
 * Alice publishes at home. Away, Bob follows her, Carol is named by her, Dave is neither. A server of another kind has
 * Fan, who follows her, and Mallory, who does not.
 */
export async function given(t: TestContext) {
  const home = await peerNode(t, '127.0.0.1');
  const away = await peerNode(t, '127.0.0.2');
  const other = await stranger(t, '127.0.0.3');
  const alice = await home.member('alice');
  const [bob, carol, dave] = [await away.member('bob'), await away.member('carol'), await away.member('dave')];
  const [fan, mallory] = [await other.actor('fan'), await other.actor('mallory')];
  await follow(away, bob.browser, home, 'alice');
  assert.equal(await post(home, fan, { type: 'Follow', object: `${home.origin}/users/alice` }), 202);
  // the home node has to have heard of whom it names
  await alice.browser.get(`/search?q=${encodeURIComponent(`@carol@${away.host}`)}`);
  await settleAll(home, away);
  const keys = {
    bob: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), bob.account.id),
    carol: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), carol.account.id),
    dave: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), dave.account.id),
    node: await loadSigningKey(away.node.federation, away.node.orm.em.fork(), NODE_ACTOR),
    fan: keyOf(fan),
    mallory: keyOf(mallory),
  };
  return { home, away, other, alice, bob, carol, dave, fan, mallory, keys };
}

type Cast = Awaited<ReturnType<typeof given>>;

const keyOf = ({ keyId, keys }: StrangeActor): SigningKey => ({
  keyId,
  type: 'rsa',
  privateKeyPem: keys.rsaPrivatePem,
});

export async function follow(away: Peer, browser: Browser, home: Peer, name: string): Promise<Account> {
  await browser.get(`/search?q=${encodeURIComponent(`@${name}@${home.host}`)}`);
  const account = await away.node.orm.em.fork().findOneOrFail(Account, { host: home.host, name });
  assert.equal((await browser.post(`/accounts/${account.id}/follow`, { on: '1' })).status, 302);
  await settleAll(home, away);
  return account;
}

interface Got {
  readonly status: number;
  readonly text: string;
  readonly cacheControl: string;
}

/** A GET, signed by this key at the node's own time; null asks as a stranger. */
export function get(node: Peer, path: string, key: SigningKey | null, accept = AP): Promise<Got> {
  const url = new URL(path, node.origin);
  const signed = key ? signCavage({ method: 'GET', url, body: null, now: node.clock.now() }, key) : {};
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { accept, ...signed }, agent: false }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString('latin1');
      const cacheControl = response.headers['cache-control'] ?? '';
      resolve({ status: response.statusCode ?? 0, text, cacheControl });
    });
    asked.on('error', reject).end();
  });
}

let shade = 0;

/** A post of Alice's with one picture, by the forms. */
export async function publish({ home, away, alice }: Cast, fields: Record<string, string>) {
  // each picture another one: the same twice is asked about
  shade += 1;
  const background = { r: 160, g: 64, b: shade };
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background } })
    .png()
    .toBuffer();
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(bytes)]), 'valley.png');
  const uploaded = await alice.browser.postForm('/upload/images', form);
  const postId = Number(/\/posts\/(\d+)\/edit/.exec(uploaded.location)?.[1]);
  const imageId = Number(/name="rating-(\d+)"/.exec((await alice.browser.get(`/posts/${postId}/edit`)).text)?.[1]);
  const answer = await alice.browser.post(`/posts/${postId}/publication`, {
    ...{ title: 'Hushed valley', tags: 'hush', [`rating-${imageId}`]: '1', ...fields },
  });
  assert.equal(answer.status, 302, answer.text.slice(0, 2_000));
  await settleAll(home, away);
  return { postId, imageId, uri: `${home.origin}/posts/${postId}` };
}

export async function change(
  { home, away, alice }: Cast,
  postId: number,
  fields: Record<string, string>,
): Promise<void> {
  for (const peer of [home, away]) peer.clock.pass(60_000);
  const answer = await alice.browser.post(`/posts/${postId}/draft`, { title: 'Hushed valley', ...fields });
  assert.equal(answer.status, 302, answer.text.slice(0, 2_000));
  await settleAll(home, away);
}

/** What arrived at the other server about a thing, by type, in order. */
export const heard = (other: Stranger, uri: string): string[] =>
  other.received
    .map(({ body }) => body as { type: string; object?: string | { id?: string } })
    .filter(({ object }) => object === uri || (typeof object === 'object' && object.id === uri))
    .map(({ type }) => type);
