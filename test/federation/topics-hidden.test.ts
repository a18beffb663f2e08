import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { modelPublished, modelUpdated } from '../../src/catalogue/events.ts';
import { Model, Tag } from '../../src/catalogue/model.ts';
import { Post } from '../../src/gallery/model.ts';
import { TopicFollow } from '../../src/gallery/topics/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { record } from '../../src/kit/events/events.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { peerNode, settleAll } from './nodes.ts';
import { postPicture } from './people.ts';
import { nextId, post } from './strangers.ts';
import { world } from './world.ts';

type Json = Record<string, unknown>;
type Visible = { readonly listedAt: Date | null; readonly visibility: 'public' | 'followers' };

/** Vic follows the tag `ink` of a node on which nothing has it yet but a model of its own. */
async function given(t: Parameters<typeof world>[0]) {
  const it = await world(t);
  const { em, n, alice, vic } = it;
  const tag = em().create(Tag, { name: 'ink' });
  await em().persist(tag).flush();
  /** A model of alice's that is public now. */
  const publish = async (tagged = true): Promise<number> => {
    const work = em();
    const model = givenModel(work, { owner: work.getReference(Account, alice.id), listedAt: n.clock.now() });
    givenVersion(work, { model });
    await work.flush();
    if (tagged) await tie(model.id);
    await say(model.id, modelPublished);
    return model.id;
  };
  const tie = (modelId: number) =>
    rows(em(), 'insert into model_tag (model_id, tag_id) values (?, ?) returning model_id', [modelId, tag.id]);
  const say = async (modelId: number, event = modelUpdated) => {
    const work = em();
    record(work, event, { modelId });
    await work.flush();
    await n.settle();
  };
  const change = async (modelId: number, fields: Visible) => {
    await em().nativeUpdate(Model, { id: modelId }, { ...fields, updatedAt: n.clock.now() });
    await say(modelId);
  };
  const hide = (modelId: number) => change(modelId, { listedAt: null, visibility: 'followers' });
  const show = (modelId: number) => change(modelId, { listedAt: n.clock.now(), visibility: 'public' });
  const tagUri = `${n.origin}/tags/ink/actor`;
  const follow = async (uri: string, id = nextId(vic)) => {
    const status = await post(n, vic, { id, type: 'Follow', object: uri });
    await n.settle();
    return status;
  };
  const heard = (type: string) => it.v.received.filter(({ body }) => body.type === type).map(({ body }) => body);
  const undone = () => heard('Undo').map(({ object }) => (object as Json).id);
  const told = () => heard('Announce').map(({ id }) => id);
  return { ...it, tag, tagUri, publish, tie, hide, show, say, follow, undone, told, heard };
}

test('the only public thing of a tag is taken back when it is hidden, though the tag has nothing to show then', async (t) => {
  const { n, tagUri, publish, hide, show, follow, undone, told, heard } = await given(t);
  const first = await publish();
  await follow(tagUri);
  await hide(first);
  assert.deepEqual(undone(), [], 'nothing was said, so nothing is taken back');
  n.clock.pass(60_000);
  await show(first);
  assert.equal(told().length, 1);
  await hide(first);
  assert.deepEqual(undone(), told());
  n.clock.pass(60_000);
  await show(first);
  assert.equal(told().length, 2, 'and told again when it is public again');
  assert.equal(new Set(told()).size, 2, 'under another id, for the first one is spent');
  assert.equal(heard('Announce').at(-1)?.object, `${n.origin}/models/${first}`);
});

test('what loses its tag is taken back by that tag, and by no other', async (t) => {
  const { em, tag, tagUri, publish, say, tie, follow, undone, told } = await given(t);
  await publish();
  await follow(tagUri);
  const second = await publish();
  assert.equal(told().length, 1);
  const other = em().create(Tag, { name: 'wash' });
  await em().persist(other).flush();
  await rows(em(), 'delete from model_tag where model_id = ? and tag_id = ? returning model_id', [second, tag.id]);
  await rows(em(), 'insert into model_tag (model_id, tag_id) values (?, ?) returning model_id', [second, other.id]);
  await say(second);
  assert.deepEqual(undone(), told());
  await tie(second);
  await say(second);
  assert.equal(told().length, 2);
});

test('a post that is deleted is taken back by its tags, whose rows went with it', async (t) => {
  const { n, em, follow, told, undone } = await given(t);
  const { browser } = await n.member('ada');
  const first = await postPicture(browser, [n], 'One');
  await follow(`${n.origin}/tags/landscape/actor`);
  const second = await postPicture(browser, [n], 'Two');
  assert.equal(told().length, 1);
  await browser.post(`/posts/${second}/removal`);
  n.clock.pass(16_000);
  await n.settle();
  assert.equal((await em().findOneOrFail(Post, second)).state, 'deleted');
  assert.ok(first > 0);
  assert.deepEqual(undone(), told());
});

test('what a busy tag told of long ago is taken back all the same', async (t) => {
  const { n, tagUri, publish, hide, follow, undone, told } = await given(t);
  await publish();
  await follow(tagUri);
  const early = await publish();
  const [said] = told();
  for (let hour = 0; hour < 4; hour += 1) {
    n.clock.pass(61 * 60_000);
    for (let index = 0; index < 27; index += 1) await publish();
  }
  assert.ok(told().length > 105, String(told().length));
  await hide(early);
  assert.deepEqual(undone(), [said]);
});

test('one id names one Follow: what comes under it for another topic changes nothing', async (t) => {
  const { em, n, vic, tagUri, publish, follow } = await given(t);
  const model = await publish();
  const id = nextId(vic);
  await follow(tagUri, id);
  // the inbox knows the id already; under an Undo and a Follow of a second actor of the host it would come again
  const work = em();
  const actor = await work.findOneOrFail(Account, { uri: vic.id });
  const { followTopicHere } = await import('../../src/federation/topics/follow.ts');
  const act = { id, actor, actorId: vic.id };
  await followTopicHere(n.workAs(null), n.node.federation, act, { kind: 'model', id: model });
  await n.settle();
  assert.equal(await em().count(TopicFollow, { model }), 0);
  assert.equal(await em().count(TopicFollow), 1);
  assert.equal(await em().count(Job, { state: 'failed' }), 0);
});

test('a model that was hidden for a while can be followed again from another node', async (t) => {
  const [home, away] = [await peerNode(t, '127.0.0.1'), await peerNode(t, '127.0.0.2')];
  const alice = await home.member('alice');
  const bob = await away.member('bob');
  const here = () => home.node.orm.em.fork();
  const there = () => away.node.orm.em.fork();
  const work = here();
  const model = givenModel(work, { owner: work.getReference(Account, alice.account.id), name: 'Ink' });
  givenVersion(work, { model });
  await work.flush();
  const handle = `@model-${model.id}@${home.host}`;
  const follow = async () => {
    await bob.browser.get(`/search?q=${encodeURIComponent(handle)}`);
    const account = await there().findOneOrFail(Account, { host: home.host, name: `model-${model.id}` });
    const answer = await bob.browser.post(`/accounts/${account.id}/follow`, { on: '1' });
    await settleAll(home, away);
    return answer.status;
  };
  const turn = async (fields: Visible) => {
    home.clock.pass(11 * 60_000);
    away.clock.pass(11 * 60_000);
    await here().nativeUpdate(Model, { id: model.id }, { ...fields, updatedAt: home.clock.now() });
    const change = here();
    record(change, modelUpdated, { modelId: model.id });
    await change.flush();
    await settleAll(home, away);
  };
  assert.equal(await follow(), 302);
  const followed = () => there().count(Follow, { follower: bob.account.id, state: 'accepted' });
  assert.equal(await followed(), 1);
  await turn({ listedAt: null, visibility: 'followers' });
  assert.equal(await followed(), 0);
  const gone = await there().findOneOrFail(Account, { host: home.host, name: `model-${model.id}` });
  assert.deepEqual([gone.state, gone.displayName], ['deleted', ''], 'nothing of it stays');
  await turn({ listedAt: home.clock.now(), visibility: 'public' });
  assert.equal(await follow(), 302);
  assert.equal(await followed(), 1);
  assert.equal(await here().count(TopicFollow, { model: model.id }), 1);
});
