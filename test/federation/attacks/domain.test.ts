import assert from 'node:assert/strict';
import { Account } from '../../../src/accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../../src/catalogue/model.ts';
import { ApObject, InboxItem, Tombstone } from '../../../src/federation/model.ts';
import { Image, Post, Reaction } from '../../../src/gallery/model.ts';
import { Review } from '../../../src/gallery/reviews/model.ts';
import { PolicyState, RESTRICTION } from '../../../src/safety/policy.ts';
import { givenModel, givenVersion } from '../../factories/content.ts';
import { deliver, get, nextId, nextNumber } from './client.ts';
import type { Actor } from './hosts.ts';
import { attackTable, type Case } from './table.ts';
import { ownModel, ownPost, toldModel, toldPost } from './told.ts';
import type { World } from './world.ts';

// Spec section 4.G. Bounties and reports of peers are features to come: until then these cases show
// that what speaks of them is accepted politely, changes nothing and makes the node ask nobody.

/** Whose reviews of whose versions count (A03). */
async function attackReviews(w: World): Promise<void> {
  const em = w.em();
  const model = givenModel(em, { owner: em.getReference(Account, w.alice.id) });
  const hidden = givenModel(em, { owner: model.owner, state: 'draft', listedAt: null, publishedAt: null });
  const [version, draft, inHidden] = [
    givenVersion(em, { model }),
    givenVersion(em, { model, state: 'draft', publishedAt: null }),
    givenVersion(em, { model: hidden }),
  ];
  await em.flush();
  const site = w.freshE();
  const say = async (actor: Actor, inModel: Model, of: ModelVersion, recommended: unknown = true) => {
    const place = { inReplyTo: `${w.origin}/models/${inModel.id}`, context: `${w.origin}/versions/${of.id}` };
    const review = { kind: 'Review', recommended, attachment: [], ...place };
    const object = actor.site.note(actor, `/r/${nextNumber()}`, review);
    assert.equal((await deliver(w, actor, { type: 'Create', object })).status, 202);
  };
  const eve = site.actor('eve');
  await say(eve, model, draft);
  await say(eve, hidden, inHidden);
  await say(eve, model, inHidden);
  for (const recommended of [5, 9, '9/5', null, 'true']) await say(eve, model, version, recommended);
  await w.settle();
  assert.equal(await w.em().count(Review, { author: { uri: eve.id } }), 0);
  await say(eve, model, version, true);
  await say(eve, model, version, false);
  await w.settle();
  const thumbs = async () => {
    const { thumbsUpCount, thumbsDownCount } = await w.em().findOneOrFail(ModelVersion, version.id);
    return [thumbsUpCount, thumbsDownCount];
  };
  assert.deepEqual(await thumbs(), [0, 1], 'two by one actor are one');
  for (let n = 0; n < 24; n += 1) await say(site.actor(`sock${n}`), model, version, false);
  await w.settle();
  assert.deepEqual(await thumbs(), [0, 20], 'more of one host than anybody believes');
  assert.equal(await w.em().count(Review, { version: version.id, withheldAt: { $ne: null } }), 5);
  await say(w.freshV().actor('vic'), model, version, true);
  await w.settle();
  assert.deepEqual(await thumbs(), [1, 20], 'control: others are heard');
}

const CASES: readonly Case[] = [
  [
    'A01',
    'files of a remote model are never fetched unasked, and the download route leads to no other host',
    async (w) => {
      const actor = await w.followed(w.carol);
      const { origin } = actor.site;
      const file = (url: string, n: number) => ({
        type: 'Document',
        name: `f${n}.safetensors`,
        url,
        size: 9e12,
        hashes: { sha256: n.toString(16).padStart(64, '0') },
      });
      const urls = [
        ...[
          `${origin}/file`,
          `${origin}/redirect`,
          'https://127.0.0.1/x',
          'https://169.254.169.254/x',
          'file:///etc/passwd',
        ],
        ...[
          'https://e.example/x',
          `https://${actor.site.host}@127.0.0.1/x`,
          'javascript:1',
          '//e.example/x',
          '/etc/passwd',
        ],
      ];
      const asked = w.v.asked.length;
      const model = await toldModel(w, actor, '/models/1', { version: { files: urls.map(file) } });
      const version = await w.em().findOneOrFail(ModelVersion, { model: model.id });
      const files = await w.em().find(ModelFile, { version: version.id });
      assert.ok(files.every(({ isStored, remoteUrl }) => !isStored && remoteUrl?.startsWith(origin)));
      for (const path of [
        `/models/${model.id}`,
        `/versions/${version.id}`,
        `/api/download/models/${version.id}`,
        `/api/v1/models/${model.id}`,
      ]) {
        for (const query of ['', '?url=https://e.example/', `?fileId=${files[0]?.id}`]) {
          const { status, headers } = await get(w, path + query, '*/*');
          assert.ok(status < 500);
          if (headers.location !== undefined) {
            assert.equal(new URL(String(headers.location), w.origin).origin, w.origin, path);
          }
        }
      }
      await w.settle();
      assert.deepEqual(w.v.asked.slice(asked), []);
    },
  ],
  [
    'A03',
    'ratings in Likes and votes change no figure; of reviews by one actor one counts, none of a hidden model, a draft or the actor’s own, and a flood from one host is bounded and waits for a moderator',
    async (w) => {
      const id = await ownModel(w, w.alice);
      const uri = `${w.origin}/models/${id}`;
      const site = w.freshE();
      const eve = site.actor('eve');
      for (const rating of [1, 5, 9, -1, 1e9, '5', null]) {
        await deliver(w, eve, { type: 'Like', object: uri, rating, 'tessera:rating': rating });
        const review = site.note(eve, `/r/${nextNumber()}`, {
          kind: 'Review',
          recommended: rating,
          rating,
          inReplyTo: uri,
          context: uri,
          attachment: [],
        });
        await deliver(w, eve, { type: 'Create', object: review });
      }
      await w.settle();
      assert.equal(await w.em().count(Reaction, { model: id }), 1);
      assert.equal((await w.em().findOneOrFail(Model, id)).thumbsUpCount, 1);
      const hidden = await ownModel(w, w.alice);
      await w.em().nativeUpdate(Model, { id: hidden }, { state: 'draft', listedAt: null, publishedAt: null });
      assert.equal((await deliver(w, eve, { type: 'Like', object: `${w.origin}/models/${hidden}` })).status, 202);
      await w.settle();
      assert.equal(await w.em().count(Reaction, { model: hidden }), 0);
      await attackReviews(w);
    },
  ],
  [
    'A04',
    'awards of bounties by anybody do nothing',
    async (w) => {
      const entry = w.mallory.site.note(w.mallory, '/entries/1', { kind: 'BountyEntry' });
      const eve = w.freshE().actor('eve');
      assert.equal((await deliver(w, eve, { type: 'Like', object: w.aliceUri })).status, 202);
      const mark = await w.mark();
      for (const target of [`${w.origin}/bounties/1`, 'https://v.example/bounties/1']) {
        for (const object of [entry, entry.id]) {
          assert.equal((await deliver(w, eve, { type: 'Accept', object, target })).status, 202);
          assert.equal((await deliver(w, eve, { type: 'Accept', object, target })).status, 202);
        }
      }
      await w.nothing(mark, { admitted: true });
    },
  ],
  [
    'A05',
    'a takedown notice of a host that does not own the thing removes nothing',
    async (w) => {
      const [post, model] = [await ownPost(w, w.alice), await ownModel(w, w.alice)];
      const friend = await w.followed(w.carol);
      const theirs = await toldPost(w, friend, '/notes/1');
      const takedown = { code: 'ncii', hashes: ['ab'.repeat(32)] };
      for (const id of [
        `${w.origin}/posts/${post}`,
        `${w.origin}/models/${model}`,
        theirs.uri,
        friend.id,
        w.aliceUri,
      ]) {
        const tombstone = { id, type: 'Tombstone', formerType: 'Note', deleted: '2026-11-20T11:00:00Z', takedown };
        assert.equal((await deliver(w, w.mallory, { type: 'Delete', object: tombstone })).status, 202);
        const { status } = await deliver(w, w.mallory, {
          type: 'Update',
          object: { ...tombstone, attributedTo: w.mallory.id },
        });
        assert.equal(status, 403);
      }
      await w.settle();
      assert.deepEqual(
        [(await w.em().findOneOrFail(Post, post)).state, (await w.em().findOneOrFail(Post, theirs.id)).state],
        ['published', 'published'],
      );
      assert.equal((await w.em().findOneOrFail(Model, model)).state, 'published');
      assert.equal(await w.em().count(Tombstone, { actorUri: w.mallory.id }), 0);
    },
  ],
  [
    'A06',
    'reports about anything, with anything inside, and outcomes of a third host, are taken politely and remove nothing',
    async (w) => {
      const post = await ownPost(w, w.alice);
      const eve = w.freshE().actor('eve');
      assert.equal((await deliver(w, eve, { type: 'Like', object: w.bobUri })).status, 202);
      const objects = [
        ...[
          [w.aliceUri, `${w.origin}/posts/${post}`],
          [w.vic.id],
          [],
          ['nonsense'],
          `${w.origin}/posts/2000000`,
          { id: w.aliceUri },
        ],
        Array.from({ length: 1_000 }, (_, n) => `${w.origin}/posts/${n}`),
      ];
      for (const object of objects) {
        for (const content of ['<script>pwn()</script>', 'x'.repeat(200_000), 7, null]) {
          const { status } = await deliver(w, eve, { type: 'Flag', object, content, reportCode: '"><b>' });
          assert.ok([202, 400].includes(status), String(status));
        }
      }
      const flag = `${w.origin}/actor#flag-1`;
      for (const type of ['Accept', 'Reject', 'Resolve', 'Undo']) {
        const object = { id: flag, type: 'Flag', actor: `${w.origin}/actor`, object: [w.vic.id] };
        for (const one of [object, flag]) {
          const { status } = await deliver(w, w.mallory, { type, object: one, outcome: 'removed' });
          assert.ok([202, 400, 403].includes(status), String(status));
        }
      }
      await w.settle();
      assert.equal((await w.em().findOneOrFail(Post, post)).state, 'published');
      assert.equal((await get(w, '/users/alice')).status, 200);
    },
  ],
  [
    'A07',
    'what moderators restrict stays so when its owner says that it is harmless',
    async (w) => {
      const actor = await w.followed(w.carol);
      const post = await toldPost(w, actor, '/notes/1', { sensitive: true, rating: 4 });
      const image = await w.em().findOneOrFail(Image, { post: post.id });
      const em = w.em();
      for (const [targetKind, targetId] of [
        ['post', post.id],
        ['image', image.id],
        ['account', post.owner.id],
      ] as const) {
        const facts = { epoch: 1, restrictions: RESTRICTION.view, changedAt: w.now() };
        em.create(PolicyState, { targetKind, targetId, ...facts }, { persist: true });
      }
      await em.flush();
      w.clock.pass(1_000);
      const note = actor.site.note(actor, '/notes/1', { sensitive: false, rating: 1, updated: w.now().toISOString() });
      assert.equal((await deliver(w, actor, { type: 'Update', object: note })).status, 202);
      await w.settle();
      assert.equal(
        await w.em().count(PolicyState, { targetId: post.id, targetKind: 'post', restrictions: RESTRICTION.view }),
        1,
      );
      assert.notEqual((await get(w, `/images/${image.id}`, 'text/html')).status, 500);
      assert.ok((await get(w, `/media/320/${image.id}.webp`, '*/*')).status >= 400);
    },
  ],
  [
    'A08',
    'statistics that a peer claims are not added to ours',
    async (w) => {
      const actor = await w.followed(w.carol);
      const claim = {
        downloads: 1e9,
        downloadCount: 1e9,
        likes: { type: 'Collection', totalItems: 1e9 },
        shares: { totalItems: 1e9 },
      };
      const model = await toldModel(w, actor, '/models/1', { ...claim, model: { ...claim, stats: claim } });
      const post = await toldPost(w, actor, '/notes/1', { ...claim, replies: { totalItems: 1e9 } });
      assert.deepEqual([model.downloadCount, model.thumbsUpCount, post.likeCount, post.commentCount], [0, 0, 0, 0]);
      const version = await w.em().findOneOrFail(ModelVersion, { model: model.id });
      assert.equal(version.downloadCount, 0);
      for (const path of ['/nodeinfo/2.1', `/@${'followed'}@${actor.site.host}`, '/models']) {
        assert.doesNotMatch((await get(w, path, 'text/html')).text, /1000000000|1,000,000,000/, path);
      }
    },
  ],
  [
    'A09',
    'own variant: a model or version of E that takes the ids of another’s is refused, and lies in nobody’s gallery',
    async (w) => {
      const [one, two] = [await w.followed(w.carol), await w.followed(w.carol)];
      const model = await toldModel(w, one, '/models/1');
      const version = await w.em().findOneOrFail(ModelVersion, { model: model.id });
      const thief = await toldModel(w, two, '/models/1', { version: { id: version.uri } });
      assert.equal(await w.em().count(ModelVersion, { model: thief.id }), 0);
      assert.equal((await w.em().findOneOrFail(ModelVersion, version.id)).model.id, model.id);
      // another actor of the same host takes over the version
      const third = one.site.actor('third');
      const note = one.site.note(third, '/models/2', {
        ...{ kind: 'Model', name: 'Thief', attachment: [] },
        model: {
          type: 'tessera:Model',
          modelType: 'LORA',
          versions: [{ id: version.uri, type: 'tessera:ModelVersion', files: [] }],
        },
      });
      assert.equal((await deliver(w, third, { type: 'Create', object: note })).status, 202);
      await deliver(w, third, { type: 'Update', object: { ...note, id: model.uri } });
      await w.settle();
      assert.equal((await w.em().findOneOrFail(Model, model.id)).name, 'Ink');
      assert.equal((await w.em().findOneOrFail(ModelVersion, version.id)).model.id, model.id);
      assert.equal(await w.em().count(ApObject, { uri: `${one.site.origin}/models/1`, ownerUri: one.id }), 1);
    },
  ],
  [
    'A10',
    'own variant: activities of unknown kinds are kept as a mark and have no effect',
    async (w) => {
      const eve = w.freshE().actor('eve');
      assert.equal((await deliver(w, eve, { type: 'Like', object: w.bobUri })).status, 202);
      const mark = await w.mark();
      for (const type of [
        'Question',
        'Arrive',
        'toString',
        'hasOwnProperty',
        'x'.repeat(10_000),
        'Créer',
        '<b>',
        'Offer',
        'View',
        'Read',
      ]) {
        const id = nextId(eve);
        assert.equal((await deliver(w, eve, { id, type, object: w.aliceUri, target: w.aliceUri })).status, 202, type);
        await w.settle();
        assert.notEqual((await w.em().findOneOrFail(InboxItem, { uri: id })).outcome, 'done');
      }
      await w.nothing(mark, { admitted: true });
    },
  ],
];

attackTable('G. Our domain', CASES);
