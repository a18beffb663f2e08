import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import type { Document } from '../../src/federation/vocabulary/context.ts';
import { Comment, ImageSize } from '../../src/gallery/model.ts';
import { pin } from '../../src/gallery/pins.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenFile, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { assertLossless } from './json-ld.ts';
import { peerNode } from './nodes.ts';

const AP = 'application/activity+json';
/** Keys whose values are documents of their own; pages for people, files and keys are none. */
const LEADS: ReadonlySet<string> = new Set([
  ...['outbox', 'followers', 'following', 'liked', 'featured', 'replies', 'likes', 'shares', 'first', 'next', 'partOf'],
  ...['attributedTo', 'actor', 'object', 'context', 'inReplyTo', 'items', 'orderedItems', 'to', 'cc', 'attachment'],
]);

test('whatever a document of this node names is there as ActivityPub, and every one means the same to JSON-LD', async (t) => {
  const node = await peerNode(t, '127.0.0.1');
  const alice = await givenMember(node.em, 'alice');
  const em = node.node.orm.em.fork();
  const owner = em.getReference(Account, alice.id);
  Object.assign(await em.findOneOrFail(Account, alice.id), {
    bio: 'Ink *and* wash',
    links: [{ label: 'Site', url: 'https://alice.example/' }],
    isNetworkShown: true,
  });
  const model = givenModel(em, { owner, name: 'Ink', description: 'Sumi-e', licenseId: 'MIT' });
  const version = givenVersion(em, { model, trainedWords: ['ink'], changelog: 'Less grain.' });
  givenFile(em, { version });
  const post = givenPost(em, { owner, version, title: 'Valley', caption: 'Made **today**', level: 4 });
  const image = givenImage(em, { post, owner, level: 4, recipe: { prompt: 'misty valley', seed: '42', others: {} } });
  await em.flush();
  em.create(
    ImageSize,
    { ...{ image, targetWidth: 0, format: 'webp', sha256: 'a'.repeat(64) }, totalBytes: 10, width: 512, height: 768 },
    { persist: true },
  );
  const [first] = [0, 1].map((n) =>
    em.create(
      Comment,
      { id: newId(), author: owner, post, text: `Number ${n}`, createdAt: new Date(NOW.getTime() + n) },
      { persist: true },
    ),
  );
  await em.flush();
  em.create(
    Comment,
    { id: newId(), author: owner, post, parent: first ?? null, text: 'Yes', createdAt: NOW },
    { persist: true },
  );
  em.create(Comment, { id: newId(), author: owner, image, text: 'Fine', createdAt: NOW }, { persist: true });
  const gone = givenPost(em, { owner, state: 'deleted', listedAt: null, deletedAt: NOW });
  await em.flush();
  await pin(node.workAs(alice), { kind: 'model', id: model.id });
  await pin(node.workAs(alice), { kind: 'post', id: post.id });

  const waiting = [`${node.origin}/users/alice`, `${node.origin}/actor`, `${node.origin}/posts/${gone.id}`];
  const seen = new Map<string, Document>();
  for (let address = waiting.pop(); address !== undefined; address = waiting.pop()) {
    if (seen.has(address)) continue;
    const answer = await fetch(address, { headers: { accept: AP } });
    const isGone = address.endsWith(`/posts/${gone.id}`);
    assert.equal(answer.status, isGone ? 410 : 200, address);
    assert.equal(answer.headers.get('content-type'), `${AP}; charset=utf-8`, address);
    const document = (await answer.json()) as Document;
    // a version is part of its model's document, and leads there
    const stands = address.includes('/versions/') ? answer.url : address;
    assert.equal(document.id, stands);
    await assertLossless(document, address);
    seen.set(address, document);
    for (const named of leadsOf(document, node.origin)) if (!seen.has(named)) waiting.push(named);
  }
  const kinds = [...seen.keys()].map((address) => new URL(address).pathname.replace(/[0-9a-f-]{36}|\d+/g, 'N'));
  for (const path of [
    ...[
      '/users/alice',
      '/users/alice/outbox',
      '/users/alice/followers',
      '/users/alice/following',
      '/users/alice/liked',
    ],
    ...['/users/alice/featured', '/actor', '/actor/outbox', '/models/N', '/models/N/replies', '/posts/N', '/images/N'],
    ...['/posts/N/replies', '/posts/N/likes', '/posts/N/shares', '/comments/N', '/comments/N/replies', '/versions/N'],
    ...['/images/N/replies', '/images/N/likes', '/images/N/shares', '/models/N/likes', '/models/N/shares'],
  ]) {
    assert.ok(kinds.includes(path), `${path} was never reached`);
  }
});

/** Ids of this node under the keys that lead on, however deep. */
function leadsOf(value: unknown, origin: string): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => leadsOf(one, origin));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const named = LEADS.has(key)
      ? [inner].flat().flatMap((one) => (typeof one === 'string' ? [one] : typeof one?.id === 'string' ? [one.id] : []))
      : [];
    // an activity within an outbox is said there alone
    const own = named.filter((id: string) => id.startsWith(`${origin}/`) && !id.includes('#'));
    return [...own, ...(key === '@context' ? [] : leadsOf(inner, origin))];
  });
}
