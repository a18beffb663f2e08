import assert from 'node:assert/strict';
import { followAccount } from '../../../src/accounts/follow.ts';
import { Account, Follow } from '../../../src/accounts/model.ts';
import { Model } from '../../../src/catalogue/model.ts';
import { ApObject, InboxItem, RemoteActor, Tombstone } from '../../../src/federation/model.ts';
import { Comment, Post, Reaction } from '../../../src/gallery/model.ts';
import { newId } from '../../../src/kit/ids.ts';
import { Browser } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenModel } from '../../factories/content.ts';
import { deliver, get, nextId, nextNumber, type Reply } from './client.ts';
import type { Actor, Site } from './hosts.ts';
import { attackTable, type Case } from './table.ts';
import { ownPost } from './told.ts';
import type { World } from './world.ts';

// Spec section 4.B: whose word counts for what.

const follow = (w: World) => ({ type: 'Follow', object: w.aliceUri });

/** Refused with one of these, and nothing came of it. */
async function refused(w: World, actor: Actor, activity: object, ...statuses: readonly number[]): Promise<void> {
  const mark = await w.mark();
  const { status, text } = await deliver(w, actor, activity);
  assert.ok(statuses.includes(status), `${JSON.stringify(activity)}: ${status} ${text}`);
  await w.nothing(mark);
}

/** Taken in politely; only the activity's own row and job are there. */
async function idle(w: World, actor: Actor, activity: object): Promise<void> {
  const mark = await w.mark();
  const { status, text } = await deliver(w, actor, activity);
  assert.equal(status, 202, `${JSON.stringify(activity)}: ${text}`);
  await w.nothing(mark, { admitted: true });
}

/** A post that a followed actor of V published, as it is here. */
async function told(w: World): Promise<{ actor: Actor; site: Site; note: ReturnType<Site['note']> }> {
  const actor = await w.followed(w.carol);
  const { site } = actor;
  const note = site.note(actor, '/notes/1', { updated: '2026-11-20T11:30:00Z' });
  site.documents.set('/notes/1', note);
  assert.equal((await deliver(w, actor, { type: 'Create', object: note })).status, 202);
  await w.settle();
  assert.equal(await w.em().count(Post, { uri: note.id, state: 'published' }), 1);
  return { actor, site, note };
}

const captionOf = async (w: World, uri: string): Promise<string> =>
  (await w.em().findOneOrFail(Post, { uri })).caption ?? '';

async function givenPostOf(w: World, owner: Account, visibility: 'public' | 'followers' = 'public'): Promise<string> {
  return `${w.origin}/posts/${await ownPost(w, owner, visibility)}`;
}

async function givenModelOf(w: World, owner: Account): Promise<{ id: number; uri: string }> {
  const em = w.em();
  const model = givenModel(em, { owner: em.getReference(Account, owner.id), name: 'Ink' });
  await em.flush();
  return { id: model.id, uri: `${w.origin}/models/${model.id}` };
}

const followCount = async (w: World): Promise<number> => w.em().count(Follow, {});

/** Everything about alice and the node that a forged Update could reach. */
const ourSelves = async (w: World): Promise<string[]> => {
  const documents = [await get(w, '/users/alice'), await get(w, '/actor')];
  for (const { status } of documents) assert.equal(status, 200);
  return documents.map(({ text }) => text);
};

const CASES: readonly Case[] = [
  [
    'O01',
    'an activity id on V or on N is 403, and the genuine one is processed later',
    async (w) => {
      const stolen = nextId(w.vic);
      for (const id of [stolen, `${w.origin}/activities/1`, `${w.aliceUri}#x`, 'https://elsewhere.example/1']) {
        await refused(w, w.mallory, { id, ...follow(w) }, 403);
        await refused(w, w.mallory, { id, type: 'Delete', object: w.mallory.id }, 403);
        await refused(w, w.mallory, { id, type: 'Surprise', object: w.mallory.id }, 403);
      }
      await refused(w, w.mallory, { id: 'nonsense', ...follow(w) }, 400);
      await refused(w, w.mallory, { id: 7, ...follow(w) }, 400);
      assert.equal((await deliver(w, w.vic, { id: stolen, ...follow(w) })).status, 202);
      await w.settle();
      assert.equal(await w.em().count(InboxItem, { uri: stolen, outcome: 'done' }), 1);
    },
  ],
  [
    'O02',
    'an inline object of V is ignored or fetched from V, never read as it stands',
    async (w) => {
      const { actor, site, note } = await told(w);
      const forged = { ...note, id: `${site.origin}/notes/2`, content: '<p>Forged</p>' };
      site.documents.set('/notes/2', { ...forged, content: '<p>True</p>' });
      const { status } = await deliver(w, w.mallory, { type: 'Create', object: forged });
      assert.ok([202, 403].includes(status));
      // also from somebody who is followed, and with a boost
      const friend = await w.followed(w.carol);
      await deliver(w, friend, { type: 'Create', object: forged });
      await deliver(w, friend, { type: 'Announce', object: { ...forged, attributedTo: actor.id } });
      await w.settle();
      const known = await w.em().find(Post, { uri: forged.id });
      assert.ok(known.every(({ caption }) => caption === '<p>True</p>'));
      const stored = await w.em().find(ApObject, { uri: forged.id });
      assert.ok(stored.every(({ provenance, ownerUri }) => provenance === 'fetch' && ownerUri === actor.id));
    },
  ],
  [
    'O03',
    'a Create of words of somebody else, of several, or of nobody is refused',
    async (w) => {
      const note = w.mallory.site.note(w.mallory, `/notes/${nextNumber()}`);
      for (const attributedTo of [
        ...[w.vic.id, w.aliceUri, [w.mallory.id, w.vic.id], [w.vic.id, w.mallory.id], 1, 'alice', {}, [], null, true],
        ...[{ id: w.vic.id }, [{ id: w.mallory.id }, { id: w.vic.id }], `${w.mallory.id}#`, `${w.mallory.id}/`],
      ]) {
        await refused(w, w.mallory, { type: 'Create', object: { ...note, attributedTo } }, 400, 403);
      }
      const { attributedTo: _left, ...unowned } = note;
      await refused(w, w.mallory, { type: 'Create', object: unowned }, 400, 403);
      await refused(w, w.mallory, { type: 'Create', object: { ...unowned, actor: w.vic.id } }, 400, 403);
      await refused(w, w.mallory, { type: 'Create', object: [note, note] }, 400);
      await refused(w, w.mallory, { type: 'Create', object: { ...note, 'as:attributedTo': w.vic.id } }, 400);
    },
  ],
  [
    'O04',
    'an inline actor of V with the key of E changes nothing, wherever it stands',
    async (w) => {
      const keysOfVic = async () => (await w.em().findOneOrFail(RemoteActor, { account: { uri: w.vic.id } })).keys;
      const before = await keysOfVic();
      const posing = {
        ...w.vic.document,
        publicKey: { id: w.vic.keyId, owner: w.vic.id, publicKeyPem: w.mallory.keys.rsaPublicPem },
      };
      const note = (more: object) => w.mallory.site.note(w.mallory, `/notes/${nextNumber()}`, more);
      for (const activity of [
        ...['Create', 'Announce', 'Like', 'Follow', 'Accept', 'Undo', 'Block', 'Add'].map((type) => ({
          type,
          object: posing,
        })),
        { type: 'Create', object: note({ inReplyTo: posing }) },
        { type: 'Create', object: note({ tag: [posing] }) },
        { type: 'Create', object: note({ attributedTo: posing }) },
        { type: 'Update', object: posing },
        { ...follow(w), actor: posing },
        { ...follow(w), target: posing, instrument: posing, to: [posing] },
      ]) {
        const { status } = await deliver(w, w.mallory, activity);
        assert.ok(status < 500, String(status));
      }
      await w.settle();
      assert.deepEqual(await keysOfVic(), before);
      assert.equal((await deliver(w, { ...w.mallory, id: w.vic.id, keyId: w.vic.keyId }, follow(w))).status, 401);
      assert.equal((await deliver(w, w.vic, follow(w))).status, 202);
    },
  ],
  [
    'O06',
    'an Update of a note of V, a model, an actor or the node is 403 and changes nothing',
    async (w) => {
      const { note } = await told(w);
      const { uri } = await givenModelOf(w, w.alice);
      const before = await ourSelves(w);
      const me = w.mallory.document;
      for (const object of [
        { ...note, attributedTo: w.mallory.id, content: '<p>Forged</p>' },
        { ...note, content: '<p>Forged</p>' },
        w.mallory.site.note(w.mallory, '/x', { id: uri, kind: 'Model' }),
        { ...me, id: w.aliceUri },
        { ...me, id: `${w.origin}/actor` },
        { ...me, id: w.vic.id },
        w.aliceUri,
      ]) {
        await refused(w, w.mallory, { type: 'Update', object }, 403);
      }
      assert.deepEqual(await ourSelves(w), before);
      assert.equal(await captionOf(w, note.id), '<p>Look</p>');
      const site = w.freshV();
      assert.equal((await deliver(w, site.actor('x'), follow(w))).status, 202);
      await w.settle();
      assert.ok(
        site.received.some(({ body }) => body.type === 'Accept'),
        'alice still signs what V takes',
      );
    },
  ],
  [
    'O08',
    'an Update that is older than what is known changes nothing; one that comes before its Create is no harm',
    async (w) => {
      const { actor, site, note } = await told(w);
      const older = { ...note, updated: '2026-11-20T11:20:00Z', content: '<p>Old</p>' };
      assert.equal((await deliver(w, actor, { type: 'Update', object: older })).status, 202);
      await w.settle();
      assert.equal(await captionOf(w, note.id), '<p>Look</p>');
      const early = site.note(actor, '/notes/early', { content: '<p>New</p>', updated: '2026-11-20T11:40:00Z' });
      await deliver(w, actor, { type: 'Update', object: early });
      await deliver(w, actor, { type: 'Create', object: { ...early, updated: undefined, content: '<p>Old</p>' } });
      await w.settle();
      assert.equal(await captionOf(w, early.id), '<p>New</p>');
      const future = { ...note, updated: '9999-01-01T00:00:00Z', content: '<p>Future</p>' };
      await deliver(w, actor, { type: 'Update', object: future });
      await w.settle();
      w.clock.pass(1_000);
      const newer = { ...note, updated: w.now().toISOString(), content: '<p>Newer</p>' };
      await deliver(w, actor, { type: 'Update', object: newer });
      await w.settle();
      assert.equal(await captionOf(w, note.id), '<p>Newer</p>', 'a date in the future locks nothing');
    },
  ],
  [
    'O09',
    'a Delete of what is not of E is taken politely and does nothing',
    async (w) => {
      const { note, actor } = await told(w);
      const { uri, id } = await givenModelOf(w, w.alice);
      const post = await givenPostOf(w, w.alice);
      for (const object of [
        ...[note.id, actor.id, w.vic.id, uri, post, w.aliceUri, `${w.origin}/actor`],
        { id: note.id, type: 'Tombstone', attributedTo: w.mallory.id },
        { id: uri, type: 'Tombstone', formerType: 'Note' },
      ]) {
        await idle(w, w.mallory, { type: 'Delete', object });
      }
      assert.equal((await w.em().findOneOrFail(Model, id)).state, 'published');
      assert.equal(await w.em().count(Tombstone, { actorUri: w.mallory.id }), 0);
    },
  ],
  [
    'O10',
    'another actor of the same host may delete, as its moderators do, and not change',
    async (w) => {
      const { note, actor, site } = await told(w);
      const moderator = site.actor('moderator');
      const update = { type: 'Update', object: { ...note, attributedTo: moderator.id, content: '<p>Changed</p>' } };
      assert.ok([202, 403].includes((await deliver(w, moderator, update)).status));
      const asOwner = {
        type: 'Update',
        object: { ...note, content: '<p>Changed</p>', updated: w.now().toISOString() },
      };
      assert.ok([202, 403].includes((await deliver(w, moderator, asOwner)).status));
      await w.settle();
      assert.equal(await captionOf(w, note.id), '<p>Look</p>');
      assert.equal((await deliver(w, moderator, { type: 'Delete', object: note.id })).status, 202);
      await deliver(w, actor, { type: 'Create', object: note });
      await w.settle();
      assert.equal(
        (await w.em().findOneOrFail(Post, { uri: note.id })).state,
        'deleted',
        'and what is late stays away',
      );
      assert.equal((await w.em().findOneOrFail(Account, { uri: actor.id })).state, 'active');
    },
  ],
  [
    'O11',
    'the Delete of an actor by an unknown key counts when the actor’s own host answers 410, and only then',
    async (w) => {
      const stateOf = async (actor: Actor) => (await w.em().findOneOrFail(Account, { uri: actor.id })).state;
      const goodbye = (actor: Actor) => ({ type: 'Delete', object: actor.id, to: ['as:Public'] });
      const forgers = (actor: Actor) => [
        { ...actor, keys: w.otherKeys },
        { ...actor, keyId: `${actor.id}#new-key`, keys: w.otherKeys },
      ];
      const alive = await w.followed(w.carol);
      const hanging = await w.followed(w.carol);
      hanging.site.documents.set('/users/followed', (request) => request.socket.destroy());
      for (const actor of [alive, hanging]) {
        for (const forger of forgers(actor)) {
          assert.ok([202, 401].includes((await deliver(w, forger, goodbye(actor))).status));
        }
        const unsigned = { ...goodbye(actor), id: nextId(actor), actor: actor.id };
        assert.equal((await deliver(w, actor, unsigned, { headers: { digest: 'SHA-256=AAAA' } })).status, 401);
        await w.settle();
        assert.equal(await stateOf(actor), 'active');
      }
      const gone = await w.followed(w.carol);
      gone.site.documents.set('/users/followed', (_request, response) => response.writeHead(410).end());
      assert.equal((await deliver(w, { ...gone, keys: w.otherKeys }, goodbye(gone))).status, 202);
      await w.settle();
      assert.equal(await stateOf(gone), 'deleted');
      assert.equal(await w.em().count(Follow, { target: { uri: gone.id } }), 0);
    },
  ],
  [
    'O13',
    'nobody takes back what another said, by its id or by an inline copy',
    async (w) => {
      const post = await givenPostOf(w, w.alice);
      const site = w.freshV();
      const actor = site.actor('honest');
      const eve = w.freshE().actor('eve');
      assert.equal((await deliver(w, eve, { type: 'Like', object: w.bobUri })).status, 202);
      const follows = { id: nextId(actor), ...follow(w) };
      const likes = { id: nextId(actor), type: 'Like', object: post };
      for (const activity of [follows, likes]) assert.equal((await deliver(w, actor, activity)).status, 202);
      await w.settle();
      for (const said of [follows, likes]) {
        await idle(w, eve, { type: 'Undo', object: said.id });
        await idle(w, eve, { type: 'Undo', object: { ...said, actor: actor.id } });
        await idle(w, eve, { type: 'Undo', object: { ...said, actor: [actor.id, eve.id] } });
        await idle(w, eve, { type: 'Undo', object: { ...said, actor: eve.id } });
      }
      const undo = { type: 'Undo', object: { ...likes, id: undefined } };
      await refused(w, eve, undo, 400);
      assert.equal(await w.em().count(Reaction, { uri: likes.id }), 1);
      assert.equal((await deliver(w, actor, { type: 'Undo', object: follows.id })).status, 202);
      await w.settle();
      assert.equal(await w.em().count(Follow, { follower: { uri: actor.id } }), 0, 'control');
    },
  ],
  [
    'O15',
    'an Accept of a Follow that was never sent is 403, and alice follows nobody new',
    async (w) => {
      const before = await followCount(w);
      const ask = { type: 'Follow', actor: w.aliceUri, object: w.mallory.id };
      for (const object of [
        { ...ask, id: `${w.aliceUri}#follow-${newId()}` },
        { ...ask, id: `${w.mallory.site.origin}/follows/1` },
        `${w.aliceUri}#follow-${newId()}`,
        { ...ask, id: `${w.aliceUri}#follow-1`, actor: { id: w.aliceUri } },
        { ...ask, id: `${w.bobUri}#follow-1`, actor: [w.aliceUri, w.bobUri] },
      ]) {
        for (const type of ['Accept', 'Reject']) await refused(w, w.mallory, { type, object }, 403);
      }
      assert.equal(await followCount(w), before);
    },
  ],
  [
    'O16',
    'the answer of mallory to a Follow that went to vic does nothing',
    async (w) => {
      const site = w.freshV();
      const actor = site.actor('asked');
      assert.equal((await deliver(w, actor, { type: 'Like', object: w.aliceUri })).status, 202);
      await w.settle();
      const target = await w.em().findOneOrFail(Account, { uri: actor.id });
      await followAccount(w.workAs(w.alice), target.id);
      await w.settle();
      const asked = site.received.find(({ body }) => body.type === 'Follow')?.body ?? {};
      const stateOf = async () => (await w.em().findOneOrFail(Follow, { target: target.id })).state;
      for (const type of ['Accept', 'Reject']) {
        for (const object of [asked, asked.id, { ...asked, object: w.mallory.id }]) {
          await idle(w, w.mallory, { type, object });
        }
      }
      assert.equal(await stateOf(), 'pending');
      // the host of vic, by another actor, does not answer for him either
      await idle(w, w.vic, { type: 'Accept', object: asked });
      assert.equal(await stateOf(), 'pending');
      await deliver(w, actor, { type: 'Accept', object: asked });
      await w.settle();
      assert.equal(await stateOf(), 'accepted', 'control');
    },
  ],
  [
    'O17',
    'a Follow of several, of a note, of oneself, of the missing and of the deleted is 400, 404 or 410',
    async (w) => {
      const name = `gone${nextNumber()}`;
      const gone = await givenMember(w.em(), name);
      await w.em().nativeUpdate(Account, { id: gone.id }, { state: 'deleted', deletedAt: w.now() });
      const post = await givenPostOf(w, w.alice);
      for (const object of [
        ...[
          [w.aliceUri, w.bobUri],
          post,
          w.mallory.id,
          w.vic.id,
          `${w.origin}/users/nobody`,
          `${w.origin}/users/${name}`,
        ],
        ...[
          w.mallory.site.note(w.mallory, '/notes/1'),
          `${w.aliceUri}/inbox`,
          `${w.origin}/`,
          w.origin,
          {},
          1,
          null,
          [],
        ],
        ...[`${w.origin}/users/ALICE`, `${w.origin}/users/%61lice`, `${w.aliceUri}?x=1`, `${w.aliceUri}%00`],
      ]) {
        const mark = await w.mark();
        const { status } = await deliver(w, w.mallory, { type: 'Follow', object });
        assert.ok([202, 400, 404, 410].includes(status), `${JSON.stringify(object)}: ${status}`);
        await w.nothing(mark, status === 202 ? { admitted: true } : {});
      }
      await refused(w, w.mallory, { type: 'Follow', object: `${w.origin}/users/nobody` }, 404);
      await refused(w, w.mallory, { type: 'Follow', object: `${w.origin}/users/${name}` }, 410);
      await refused(w, w.mallory, { type: 'Follow', object: [w.aliceUri, w.bobUri] }, 400);
    },
  ],
  [
    'O18',
    'who asked bob and has no answer gets nothing; carol sees nothing of a locked actor before its Accept',
    async (w) => {
      const site = w.freshE();
      const eve = site.actor('eve');
      assert.equal((await deliver(w, eve, { type: 'Follow', object: w.bobUri })).status, 202);
      await w.settle();
      assert.equal((await w.em().findOneOrFail(Follow, { follower: { uri: eve.id } })).state, 'pending');
      assert.deepEqual(site.received, []);
      const hidden = await givenPostOf(w, w.bob, 'followers');
      const path = new URL(hidden).pathname;
      const missing = await get(w, '/posts/2000000');
      assert.deepEqual([(await get(w, path)).status, (await get(w, path)).text], [missing.status, missing.text]);
      // the other direction
      const theirs = w.freshV();
      const locked = theirs.actor('locked', { manuallyApprovesFollowers: true });
      await deliver(w, locked, { type: 'Like', object: w.aliceUri });
      await w.settle();
      await followAccount(w.workAs(w.carol), (await w.em().findOneOrFail(Account, { uri: locked.id })).id);
      await w.settle();
      const note = theirs.note(locked, '/notes/1', { to: [`${locked.id}/followers`] });
      for (const type of ['Create', 'Update'])
        assert.equal((await deliver(w, locked, { type, object: note })).status, 202);
      await w.settle();
      assert.equal(await w.em().count(Post, { uri: note.id }), 0);
      assert.equal(await w.em().count(ApObject, { uri: note.id }), 0);
    },
  ],
  [
    'O20',
    'boosts, likes, quotes and replies of a followers-only post do nothing, and answer as for a missing one',
    async (w) => {
      const hidden = await givenPostOf(w, w.bob, 'followers');
      const missing = `${w.origin}/posts/2000000`;
      const site = w.freshE();
      const eve = site.actor('eve');
      assert.equal((await deliver(w, eve, { type: 'Like', object: missing })).status, 202);
      const replies: (readonly [Reply, Reply])[] = [];
      for (const about of [
        (object: string) => ({ type: 'Announce', object }),
        (object: string) => ({ type: 'Like', object }),
        (object: string) => ({ type: 'EmojiReact', object, content: '🔥' }),
        (object: string) => ({ type: 'Create', object: site.note(eve, `/n/${nextNumber()}`, { inReplyTo: object }) }),
        (object: string) => ({
          type: 'Create',
          object: site.note(eve, `/n/${nextNumber()}`, { quote: object, quoteUrl: object }),
        }),
        (object: string) => ({ type: 'QuoteRequest', object, instrument: site.note(eve, `/n/${nextNumber()}`) }),
        (object: string) => ({ type: 'Undo', object: { id: nextId(eve), type: 'Like', actor: eve.id, object } }),
      ]) {
        replies.push([await deliver(w, eve, about(hidden)), await deliver(w, eve, about(missing))]);
      }
      await w.settle();
      for (const [one, other] of replies) {
        assert.equal(one.status, 202);
        assert.deepEqual([one.status, one.text], [other.status, other.text]);
      }
      const id = Number(hidden.split('/').at(-1));
      assert.equal(await w.em().count(Reaction, { post: id }), 0);
      assert.equal(await w.em().count(Comment, { post: id }), 0);
      assert.deepEqual(site.received, []);
    },
  ],
  [
    'O21',
    'Add and Remove on what alice features or collects do nothing',
    async (w) => {
      const { uri } = await givenModelOf(w, w.alice);
      for (const target of [
        `${w.aliceUri}/featured`,
        `${w.aliceUri}/collections/featured`,
        `${w.origin}/collections/1`,
      ]) {
        for (const type of ['Add', 'Remove']) {
          for (const object of [uri, w.mallory.site.note(w.mallory, '/notes/1').id]) {
            const { status } = await deliver(w, w.mallory, { type, object, target });
            assert.ok([202, 403, 404].includes(status), String(status));
          }
        }
      }
      const before = await w.mark();
      await idle(w, w.mallory, { type: 'Add', object: uri, target: `${w.aliceUri}/featured` });
      await w.nothing(before, { admitted: true });
    },
  ],
  [
    'O22',
    'a Move of vic by mallory, or without the link back, moves nobody',
    async (w) => {
      const actor = await w.followed(w.carol);
      const before = await followCount(w);
      const target = w.mallory.id;
      await deliver(w, w.mallory, { type: 'Move', object: actor.id, target });
      await deliver(w, w.mallory, { type: 'Move', object: w.aliceUri, target });
      await deliver(w, actor, { type: 'Move', object: actor.id, target });
      await deliver(w, actor, { type: 'Move', object: actor.id, target: w.aliceUri });
      for (let i = 0; i < 11; i += 1)
        await deliver(w, actor, { type: 'Move', object: actor.id, target: `${target}/${i}` });
      await w.settle();
      assert.equal(await followCount(w), before);
      assert.equal(await w.em().count(Follow, { follower: w.carol.id, target: { uri: actor.id } }), 1);
      assert.equal(await w.em().count(Follow, { target: { uri: w.mallory.id } }), 0);
    },
  ],
  [
    'O23',
    'a Block cuts the follows of both and is told to nobody; its Undo brings nothing back',
    async (w) => {
      const site = w.freshE();
      const eve = site.actor('eve');
      await deliver(w, eve, follow(w));
      await w.settle();
      const others = (await followCount(w)) - 1;
      const said = { id: nextId(eve), type: 'Block', object: w.aliceUri };
      assert.equal((await deliver(w, eve, said)).status, 202);
      await w.settle();
      assert.equal(await followCount(w), others);
      const browser = new Browser(w.listening);
      await browser.signIn('alice');
      for (const path of ['/', '/notifications', '/settings/blocks']) {
        assert.doesNotMatch((await browser.get(path)).text, /\beve\b/, path);
      }
      assert.equal((await deliver(w, eve, { type: 'Undo', object: said })).status, 202);
      await w.settle();
      assert.equal(await followCount(w), others);
    },
  ],
  [
    'O24',
    'an Update of a collection of V, or of an activity, does nothing',
    async (w) => {
      const followers = {
        id: `${w.vic.id}/followers`,
        type: 'OrderedCollection',
        totalItems: 9,
        orderedItems: [w.mallory.id],
      };
      await refused(w, w.mallory, { type: 'Update', object: followers }, 403);
      await refused(w, w.mallory, { type: 'Update', object: { ...followers, id: `${w.bobUri}/followers` } }, 403);
      await idle(w, w.vic, { type: 'Update', object: followers });
      await idle(w, w.vic, { type: 'Update', object: { ...followers, attributedTo: w.vic.id } });
      const create = { id: nextId(w.vic), type: 'Create', actor: w.vic.id, object: w.vic.site.note(w.vic, '/notes/9') };
      await idle(w, w.vic, { type: 'Update', object: create });
    },
  ],
  [
    'O25',
    'ids that only look like those of V or N are never equal to them',
    async (w) => {
      const { host } = w.vic.site;
      const e = w.mallory.site.host;
      for (const id of [
        ...[
          `https://${host}@${e}/users/vic`,
          `https://V.example:${w.v.port}/users/vic`,
          `https://v.example.:${w.v.port}/users/vic`,
        ],
        ...[
          `//${host}/users/vic`,
          `https:/${host}/users/vic`,
          `https://${host}/users/./vic`,
          `https://${host}\\users\\vic`,
        ],
        ...[`https://ｖ.example:${w.v.port}/users/vic`, `https://v。example:${w.v.port}/users/vic`, ` ${w.vic.id}`],
        ...[`https://v.example:0${w.v.port}/users/vic`, `http://${host}/users/vic`, `HTTPS://${host}/users/vic`],
        ...[`https://v.example%2e:${w.v.port}/users/vic`, `${w.vic.id}\t`, `https://user:pass@${host}/users/vic`],
      ]) {
        const mark = await w.mark();
        const actor = { ...w.mallory, id };
        const { status } = await deliver(w, actor, { id: `${w.mallory.id}/acts/${nextNumber()}`, ...follow(w) });
        assert.ok([400, 401, 403].includes(status), `${id}: ${status}`);
        const about = await deliver(w, w.mallory, { type: 'Update', object: { ...w.vic.document, id } });
        assert.ok([400, 403].includes(about.status), `${id}: ${about.status}`);
        await w.nothing(mark);
      }
      // the origin is that of the parsed URL, also with a fragment
      await refused(w, w.mallory, { type: 'Update', object: { ...w.vic.document, id: `${w.vic.id}#x` } }, 403);
      for (const id of [
        'https://node.example@e.example/users/alice',
        'https://node.example./users/alice',
        'https://NODE.example/users/alice',
        'https://node.example:443/users/alice',
      ]) {
        await refused(w, w.mallory, { type: 'Follow', object: id }, 400, 404);
      }
      await refused(w, w.mallory, { type: 'Follow', object: 'https://node.example.e.example/users/alice' }, 404);
      // names under E that begin like V, or sound like it, are hosts of their own
      for (const name of ['v.example.e.example', 'v.e.example']) {
        const site = w.e.site(name);
        assert.equal((await deliver(w, site.actor('vic'), { type: 'Like', object: w.aliceUri })).status, 202);
        await refused(w, site.actor('vic'), { type: 'Update', object: w.vic.document }, 401, 403);
        await refused(w, { ...site.actor('vic'), id: w.vic.id }, follow(w), 401);
      }
    },
  ],
  [
    'O26',
    'an actor of E that calls itself vic, with a WebFinger that claims acct:vic@V, is @vic@E',
    async (w) => {
      const site = w.freshE();
      const eve = site.actor('vic');
      const finger = {
        subject: `acct:vic@${w.vic.site.host}`,
        links: [{ rel: 'self', type: 'application/activity+json', href: eve.id }],
      };
      for (const acct of [`acct:vic@${site.host}`, `acct:vic@${w.vic.site.host}`]) {
        site.documents.set(`/.well-known/webfinger?resource=${encodeURIComponent(acct)}`, finger);
      }
      assert.equal((await deliver(w, eve, follow(w))).status, 202);
      await w.settle();
      const account = await w.em().findOneOrFail(Account, { uri: eve.id });
      assert.deepEqual([account.host, account.name], [site.host, 'vic']);
      const browser = new Browser(w.listening);
      await browser.signIn('alice');
      await browser.get(`/search?q=${encodeURIComponent(`@vic@${w.vic.site.host}`)}`);
      await browser.get(`/search?q=${encodeURIComponent(`@vic@${site.host}`)}`);
      await w.settle();
      const honest = await w.em().findOneOrFail(Account, { host: w.vic.site.host, name: 'vic' });
      assert.equal(honest.uri, w.vic.id);
      assert.equal((await w.em().findOneOrFail(Account, { uri: eve.id })).host, site.host);
    },
  ],
  [
    'O27',
    'an actor whose inbox, sharedInbox, followers, outbox or key lies on V or N is refused, or those are dropped',
    async (w) => {
      for (const victim of [w.vic.site.origin, w.origin]) {
        const site = w.freshE();
        for (const changes of [
          { inbox: `${victim}/inbox` },
          {
            publicKey: {
              id: `${victim}/key`,
              owner: `${site.origin}/users/x`,
              publicKeyPem: w.mallory.keys.rsaPublicPem,
            },
          },
        ]) {
          const actor = site.actor('x', changes);
          const { status } = await deliver(w, { ...actor, id: `${site.origin}/users/x` }, follow(w));
          assert.equal(status, 401, JSON.stringify(changes).slice(0, 80));
          w.clock.pass(11 * 60_000);
        }
        const other = w.freshE();
        const endpoints = { endpoints: { sharedInbox: `${victim}/inbox` } };
        const ends = {
          ...endpoints,
          followers: `${victim}/followers`,
          outbox: `${victim}/outbox`,
          following: `${victim}/f`,
        };
        const eve = other.actor('eve', { ...ends, featured: `${victim}/x` });
        const before = [w.vic.site.received.length, w.v.asked.length];
        assert.equal((await deliver(w, eve, follow(w))).status, 202);
        await w.settle();
        const kept = await w.em().findOneOrFail(RemoteActor, { account: { uri: eve.id } });
        assert.deepEqual([kept.sharedInboxUri ?? null, kept.followersUri ?? null, kept.outboxUri], [null, null, '']);
        assert.equal(other.received.length, 1, 'the Accept went to E');
        assert.deepEqual([w.vic.site.received.length, w.v.asked.length], before);
        // followed from here, nothing is read from V on the word of E
        const account = await w.em().findOneOrFail(Account, { uri: eve.id });
        await followAccount(w.workAs(w.carol), account.id);
        await w.settle();
        const asked = other.received.find(({ body }) => body.type === 'Follow')?.body;
        await deliver(w, eve, { type: 'Accept', object: asked });
        await w.settle();
        assert.deepEqual([w.vic.site.received.length, w.v.asked.length], before);
        // what is for the followers of E's actor is not public because it names V's
        const note = other.note(eve, '/notes/1', { to: [`${victim}/followers`] });
        await deliver(w, eve, { type: 'Create', object: note });
        await w.settle();
        for (const { visibility } of await w.em().find(Post, { uri: note.id })) assert.notEqual(visibility, 'public');
      }
    },
  ],
  [
    'O30',
    'a context that renames actor and object changes nothing; two spellings of one key are 400',
    async (w) => {
      const renamed = { '@context': { actor: 'as:object', object: 'as:actor', attacker: 'as:actor' } };
      const activity = { ...renamed, id: nextId(w.mallory), ...follow(w), attacker: w.vic.id };
      assert.equal((await deliver(w, w.mallory, activity)).status, 202);
      await w.settle();
      assert.equal((await w.em().findOneOrFail(InboxItem, { uri: activity.id })).actorUri, w.mallory.id);
      for (const more of [
        ...[{ 'as:actor': w.vic.id }, { 'as:object': w.bobUri }, { '@id': nextId(w.mallory) }, { '@type': 'Delete' }],
        ...[
          { actor: [w.mallory.id, w.vic.id] },
          { actor: { id: w.mallory.id, '@id': w.vic.id } },
          { type: ['Follow', 'Delete'] },
        ],
      ]) {
        await refused(w, w.mallory, { ...follow(w), ...more }, 400, 401);
      }
      const id = nextId(w.mallory);
      const twice = `{"id":"${id}","type":"Follow","actor":"${w.vic.id}","object":"${w.aliceUri}","actor":"${w.mallory.id}"}`;
      assert.equal((await deliver(w, w.mallory, twice)).status, 400);
      const escaped = `{"id":"${id}","type":"Follow","act\\u006fr":"${w.vic.id}","object":"${w.aliceUri}","actor":"${w.mallory.id}"}`;
      assert.equal((await deliver(w, w.mallory, escaped)).status, 400);
      const graph = { '@context': {}, '@graph': [{ id, actor: w.mallory.id, ...follow(w) }] };
      assert.equal((await deliver(w, w.mallory, JSON.stringify(graph))).status, 400);
    },
  ],
  [
    'O31',
    'a url on another host, or of javascript, is dropped, and a link in a text shows where it leads',
    async (w) => {
      const actor = await w.followed(w.carol);
      for (const url of [
        'https://e.example/phish',
        'javascript:alert(1)',
        'data:text/html,x',
        'https://v.example@e.example/',
        7,
      ]) {
        const note = actor.site.note(actor, `/notes/${nextNumber()}`, { url });
        await deliver(w, actor, { type: 'Create', object: note });
        await w.settle();
        const post = await w.em().findOneOrFail(Post, { uri: note.id });
        assert.equal(post.url, note.id, String(url));
      }
    },
  ],
];

attackTable('B. Origin and ownership', CASES);
