import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Block } from '../../src/accounts/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenModel, givenVersion, NOW } from '../factories/content.ts';
import { post, type StrangeActor } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

/** Alice's model; nobody here follows vic. `posts` sends a note of somebody with a picture made with a version. */
async function given(t: TestContext) {
  const site = await world(t);
  const work = site.em();
  const owner = work.getReference(Account, site.alice.id);
  const open = givenVersion(work, { model: givenModel(work, { owner }) });
  const shut = givenVersion(work, { model: givenModel(work, { owner, visibility: 'followers', listedAt: null }) });
  const draft = givenVersion(work, { model: open.model, state: 'draft', publishedAt: null });
  await work.flush();
  const picture = (ownerId: string, versionId: number | null) => ({
    ...{ type: 'Image', mediaType: 'image/png', url: `${new URL(ownerId).origin}/p.png`, name: 'A picture' },
    resources:
      versionId === null ? [] : [{ type: 'tessera:ResourceUse', model: `${site.n.origin}/versions/${versionId}` }],
  });
  let count = 0;
  const posts = async (actor: StrangeActor, versionId: number | null, more: object = {}) => {
    count += 1;
    const attachment = [picture(actor.id, versionId)];
    const object = note(actor.id, `/posts/${count}`, { '@context': CONTEXT, kind: 'Image', attachment, ...more });
    await post(site.n, actor, { '@context': CONTEXT, type: 'Create', object });
    await site.n.settle();
    return (await site.em().count(Post, { uri: object.id })) > 0;
  };
  return { ...site, posts, ids: { open: open.id, shut: shut.id, draft: draft.id } };
}

const CONTEXT = [
  'https://www.w3.org/ns/activitystreams',
  { tessera: 'urn:tessera:ns:', kind: 'tessera:kind', model: 'tessera:model', resources: 'tessera:resources' },
];

test('a picture that names a model of ours is taken in from somebody whom nobody follows; another one is not', async (t) => {
  const { vic, mallory, posts, ids } = await given(t);
  assert.equal(await posts(vic, ids.open), true);
  assert.equal(await posts(vic, null), false, 'it names nothing');
  assert.equal(await posts(vic, ids.shut), false, 'not for everybody');
  assert.equal(await posts(vic, ids.draft), false, 'not published');
  assert.equal(await posts(vic, 987_654_321), false, 'not there');
  assert.equal(await posts(vic, ids.open, { kind: undefined }), false, 'no post of pictures');
  assert.equal(await posts(vic, ids.open, { to: [`${vic.id}/followers`] }), false, 'for their followers');
  assert.equal(await posts(mallory, ids.open, { attributedTo: vic.id }), false, 'of somebody else');
  const notOurs = [{ ...note(vic.id, '/x').attachment[0], resources: [{ model: 'https://other.example/versions/1' }] }];
  assert.equal(await posts(vic, null, { attachment: notOurs }), false, 'a model of another node');
  assert.equal(await posts(mallory, ids.open, { to: ['https://a.example/users/x'], cc: [PUBLIC] }), true, 'unlisted');
});

test('those across a block from the model’s owner put nothing on its page', async (t) => {
  const { alice, vic, em, posts, ids } = await given(t);
  assert.equal(await posts(vic, ids.open), true);
  const work = em();
  const target = await work.findOneOrFail(Account, { uri: vic.id });
  const account = work.getReference(Account, alice.id);
  work.create(Block, { id: newId(), account, target, kind: 'block', createdAt: NOW }, { persist: true });
  await work.flush();
  assert.equal(await posts(vic, ids.open), false);
});

test('one person whom nobody follows puts no more than twenty a day on pages here, and goes on the day after', async (t) => {
  const { n, vic, posts, ids } = await given(t);
  for (let i = 0; i < 20; i += 1) assert.equal(await posts(vic, ids.open), true, `the ${i + 1}th`);
  assert.equal(await posts(vic, ids.open), false);
  n.clock.pass(25 * 3_600_000);
  assert.equal(await posts(vic, ids.open), true);
});
