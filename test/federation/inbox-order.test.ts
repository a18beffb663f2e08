import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Account, Follow } from '../../src/accounts/model.ts';
import { InboxItem } from '../../src/federation/model.ts';
import { Post, Reaction } from '../../src/gallery/model.ts';
import { Share } from '../../src/gallery/shares.ts';
import { givenPost } from '../factories/content.ts';
import { nextId, post, type StrangeActor } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

test('what an actor says after something that waits for another attempt waits too, and an Undo does not overtake it', async (t) => {
  const { n, v, vic, aliceUri, em, follows } = await world(t);
  await follows(vic);
  // its host answers nothing of use at first
  const told = note(vic.id, '/notes/1');
  v.documents.set('/notes/1', { type: 'Note' });
  assert.equal(await post(n, vic, { type: 'Create', object: told.id }), 202);
  const follow = { id: nextId(vic), type: 'Follow', object: aliceUri };
  assert.equal(await post(n, vic, follow), 202);
  await n.settle();
  assert.equal(await em().count(InboxItem, { processedAt: null }), 2);
  assert.equal(await em().count(Follow, { target: { host: '' } }), 0, 'the follow waits for the note before it');
  v.documents.set('/notes/1', told);
  assert.equal(await post(n, vic, { type: 'Undo', object: follow }), 202);
  for (let i = 0; i < 12 && (await em().count(InboxItem, { processedAt: null })) > 0; i += 1) {
    n.clock.pass(900_000);
    await n.settle();
  }
  assert.equal(await em().count(InboxItem, { processedAt: null }), 0);
  assert.equal(await em().count(Post, { uri: told.id }), 1);
  assert.equal(await em().count(Follow, { target: { host: '' } }), 0);
  const outcomes = (await em().find(InboxItem, {}, { orderBy: { id: 'asc' } })).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ['done', 'done', 'done'], 'each was carried out, in its order');
});

test('an activity that can never be carried out is given up with its last attempt, and holds nobody up for good', async (t) => {
  const { n, v, vic, aliceUri, em, follows } = await world(t);
  await follows(vic);
  v.documents.set('/notes/1', { type: 'Note' });
  await post(n, vic, { type: 'Create', object: `${v.origin}/notes/1` });
  await post(n, vic, { type: 'Follow', object: aliceUri });
  for (let i = 0; i < 20 && (await em().count(InboxItem, { processedAt: null })) > 0; i += 1) {
    n.clock.pass(3_700_000);
    await n.settle();
  }
  const [create, follow] = await em().find(InboxItem, {}, { orderBy: { id: 'asc' } });
  assert.equal(create?.outcome, 'given up');
  assert.equal(follow?.outcome, 'done');
});

/** What an actor may say, and say back, over and over. */
const saying = fc.record({
  who: fc.integer({ min: 0, max: 1 }),
  what: fc.constantFrom('Follow' as const, 'Like' as const, 'Announce' as const),
  isUndo: fc.boolean(),
  byId: fc.boolean(),
  copies: fc.integer({ min: 1, max: 3 }),
});

test('whatever two actors say and take back, in whatever copies, the end is what their last words say', async (t) => {
  const { n, vic, mallory, alice, aliceUri, em } = await world(t);
  const work = em();
  const open = givenPost(work, { owner: work.getReference(Account, alice.id) });
  await work.flush();
  const postUri = `${n.origin}/posts/${open.id}`;
  const actors: readonly StrangeActor[] = [vic, mallory];
  const objectOf = { Follow: aliceUri, Like: postUri, Announce: postUri };
  await fc.assert(
    fc.asyncProperty(fc.array(saying, { minLength: 1, maxLength: 10 }), async (sayings) => {
      await em().nativeDelete(Follow, {});
      await em().nativeDelete(Reaction, {});
      await em().nativeDelete(Share, {});
      await em().nativeUpdate(Post, { id: open.id }, { likeCount: 0 });
      const state = new Map<string, string | null>();
      const before = await em().count(InboxItem);
      let told = 0;
      for (const { who, what, isUndo, byId, copies } of sayings) {
        const actor = actors[who];
        assert.ok(actor);
        const key = `${who} ${what}`;
        const last = state.get(key) ?? null;
        if (isUndo && last === null) continue;
        const id = nextId(actor);
        const said = { type: what, actor: actor.id, object: objectOf[what], to: [PUBLIC] };
        const inner = byId ? last : { ...said, id: last };
        const activity = isUndo ? { id, type: 'Undo', object: inner } : { id, ...said };
        // what is already so is not said again: a second Like has the first one's effect and its Undo names either
        if (!isUndo && last !== null) continue;
        const paths = ['/inbox', '/users/alice/inbox', '/inbox'].slice(0, copies);
        const statuses = await Promise.all(paths.map((path) => post(n, actor, activity, { path })));
        assert.deepEqual(new Set(statuses), new Set([202]));
        told += 1;
        state.set(key, isUndo ? null : id);
      }
      await n.settle();
      assert.equal((await em().count(InboxItem)) - before, told, 'each once');
      assert.equal(await em().count(InboxItem, { processedAt: null }), 0);
      const uris = (rows: readonly { uri?: string | null | undefined }[]) => rows.map(({ uri }) => uri).sort();
      const expected = (what: string) =>
        [...state].flatMap(([key, id]) => (key.endsWith(what) && id !== null ? [id] : [])).sort();
      assert.deepEqual(uris(await em().find(Follow, { target: alice.id })), expected('Follow'));
      assert.deepEqual(uris(await em().find(Reaction, {})), expected('Like'));
      assert.deepEqual(uris(await em().find(Share, {})), expected('Announce'));
      assert.equal((await em().findOneOrFail(Post, open.id)).likeCount, expected('Like').length);
    }),
    { numRuns: 12, includeErrorInReport: true },
  );
});
