import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel } from '../../src/catalogue/create.ts';
import { Model, ModelVersion } from '../../src/catalogue/model.ts';
import { publishScheduledJob as publishVersionLater } from '../../src/catalogue/publish.ts';
import { Collection } from '../../src/gallery/collections/model.ts';
import { Comment, Post } from '../../src/gallery/model.ts';
import { publishScheduledJob as publishPostLater } from '../../src/gallery/posts/publish.ts';
import { Review } from '../../src/gallery/reviews/model.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { releaseHold } from '../../src/safety/holds/hold.ts';
import { SafetyHold } from '../../src/safety/holds/model.ts';
import { PromptRecord } from '../../src/safety/prompts/model.ts';
import { guardSettings } from '../../src/safety/settings.ts';
import { piecesOf, plainOf } from '../../src/safety/words/prose.ts';
import { textOf } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { painter } from '../gallery/painter.ts';

const calm = guardSettings.schema.parse({ refusalsBeforeFreeze: 100 });
const words = {
  ...{ name: 'Brass', type: 'LORA', description: 'Of brass things.', level: '1', versionName: 'v1', licenseId: '' },
  ...{ baseModel: 'SD 1.5', trainedWords: 'brass', tags: 'metal', allowNoCredit: '1', changelog: '', settings: '' },
};

test('what is denied in the name, tags or trigger words of a model is said at the field, and the form comes back filled', async (t) => {
  const { browser, em, give, versionOf } = await site(t);
  const version = await versionOf();
  await give(version.id, kohyaLoraSd1({ name: 'brass' }), 'brass.safetensors');
  const save = (act: string, more: Record<string, string>) =>
    browser.post(`/versions/${version.id}/edit`, { ...words, ...more, act });
  // a draft is nobody's but its owner's
  assert.equal((await save('save', { name: 'nude loli' })).status, 302);
  const denied = await save('publish', { name: 'nude loli', description: 'Kept as typed.' });
  assert.equal(denied.status, 422);
  assert.match(textOf(denied.text), /Refused for the safety of children/);
  assert.match(denied.text, /value="nude loli"/);
  assert.match(denied.text, /Kept as typed\./);
  assert.equal((await em.fork().findOneOrFail(Model, version.model.id)).state, 'draft');
  for (const more of [{ tags: 'nude, toddler' }, { trainedWords: 'naked shota' }, { versionName: 'l0l1 nude' }]) {
    assert.equal((await save('publish', more)).status, 422, JSON.stringify(more));
  }
  assert.equal((await save('publish', {})).status, 302);
  const public_ = await save('save', { tags: 'nude, toddler' });
  assert.equal(public_.status, 422, 'what is public is read when it changes');
  assert.match(textOf((await browser.get(`/models/${version.model.id}`)).text), /metal/);
  const records = await em.fork().find(PromptRecord, { purpose: 'publication' });
  assert.ok(records.length >= 5);
  assert.ok(records.every(({ category, isHard }) => category === 'minor-sexual' && isHard));
});

test('somebody under age in a title allows PG and nothing above', async (t) => {
  const { browser, ada, post } = await site(t);
  const { postId } = await post(ada, [{ level: 4 }], { isDraft: true });
  const publish = (title: string) => browser.post(`/posts/${postId}/publication`, { title, caption: '', tags: '' });
  const refused = await publish('A little girl with a kite');
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /rated PG at most/);
  assert.equal((await publish('A woman with a kite')).status, 302);
});

test('a post that a rule holds is kept from everybody until a person released it', async (t) => {
  const { browser, visitor, ada, em, post, settle, node } = await site(t);
  const { postId } = await post(ada, [{ level: 1 }], { isDraft: true });
  const kept = await browser.post(`/posts/${postId}/publication`, {
    title: 'Children in bikini',
    caption: '',
    tags: '',
  });
  assert.equal(kept.status, 200);
  assert.match(textOf(kept.text), /nobody sees it until then/);
  await settle();
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 451);
  assert.equal((await em.fork().findOneOrFail(Post, postId)).listedAt ?? null, null);
  const row = await em.fork().findOneOrFail(QueueRow, { aboutKind: 'post', aboutId: String(postId) });
  assert.deepEqual([row.kind, row.priority], ['upload', 0]);
  await releaseHold(em, 'post', String(postId), { byId: null, now: node.now() });
  await em.flush();
  await settle();
  assert.equal((await visitor.get(`/posts/${postId}`)).status, 200);
  assert.notEqual((await em.fork().findOneOrFail(Post, postId)).listedAt ?? null, null);
});

test('what rules deny by the time that it was to be published is a draft again, which says why when somebody publishes it', async (t) => {
  const { browser, ada, em, give, versionOf, post, node, workAs } = await site(t);
  const publishAt = node.now();
  const { postId } = await post(ada, [{ level: 1 }], { isDraft: true });
  await em.fork().nativeUpdate(Post, { id: postId }, { title: 'nude loli', state: 'scheduled', publishAt });
  await publishPostLater.run(workAs(null), { postId }, {} as never);
  const draft = await em.fork().findOneOrFail(Post, postId);
  assert.deepEqual([draft.state, draft.publishAt ?? null], ['draft', null]);
  const again = { title: 'nude loli', caption: '', tags: '' };
  assert.equal((await browser.post(`/posts/${postId}/publication`, again)).status, 422);

  const version = await versionOf();
  await give(version.id, kohyaLoraSd1({ name: 'brass' }), 'brass.safetensors');
  await browser.post(`/versions/${version.id}/edit`, { ...words, act: 'save' });
  await em.fork().nativeUpdate(ModelVersion, { id: version.id }, { name: 'nude loli', state: 'scheduled', publishAt });
  await publishVersionLater.run(workAs(null), { versionId: version.id }, {} as never);
  const kept = await em.fork().findOneOrFail(ModelVersion, version.id);
  assert.deepEqual([kept.state, kept.publishAt ?? null], ['draft', null]);
});

test('talk is not refused: what may be about a child waits for a person, and is told of when it is shown', async (t) => {
  const { visitor, ada, em, post, settle, node, other } = await site(t);
  const { postId } = await post(ada, [{ level: 1 }]);
  const { browser: eve } = await other('eve');
  const text = 'this looks like a naked child';
  const said = await eve.post(`/posts/${postId}/comments`, { text });
  assert.equal(said.status, 200);
  assert.match(textOf(said.text), /need not send it again/);
  const comment = await em.fork().findOneOrFail(Comment, { text });
  assert.ok(comment.withheldAt);
  assert.doesNotMatch((await visitor.get(`/posts/${postId}`)).text, /naked child/);
  assert.equal((await eve.post(`/posts/${postId}/comments`, { text: 'My kids like this lighthouse.' })).status, 302);
  await settle();
  await releaseHold(em, 'comment', comment.id, { byId: null, now: node.now() });
  await em.flush();
  await settle();
  assert.match((await visitor.get(`/posts/${postId}`)).text, /naked child/);
  assert.equal((await em.fork().findOneOrFail(Post, postId)).commentCount, 2);
  // changed, it is read again
  await eve.post(`/comments/${comment.id}/edit`, { text: 'and this is a nude toddler' });
  assert.ok((await em.fork().findOneOrFail(Comment, { id: comment.id })).withheldAt);
  assert.equal(await em.fork().count(PromptRecord, { action: 'deny' }), 0, 'nobody is counted for talking');
});

test('reviews, collections and profiles are read as well', async (t) => {
  const { browser, ada, em, give, versionOf, other, settle } = await site(t);
  const version = await versionOf();
  await give(version.id, kohyaLoraSd1({ name: 'brass' }), 'brass.safetensors');
  await browser.post(`/versions/${version.id}/edit`, { ...words, act: 'publish' });
  await settle();
  const { browser: eve } = await other('eve');
  const text = 'it makes nude children';
  assert.match(
    textOf((await eve.post(`/versions/${version.id}/reviews`, { verdict: 'down', text })).text),
    /Kept, and waiting/,
  );
  assert.ok((await em.fork().findOneOrFail(Review, { text })).withheldAt);
  assert.equal(
    (await eve.post('/collections', { name: 'nude loli', description: '', visibility: 'public' })).status,
    422,
  );
  assert.equal((await eve.post('/collections', { name: 'nude loli', visibility: 'private' })).status, 302);
  const mine = await em.fork().findOneOrFail(Collection, { name: 'nude loli' });
  const opened = await eve.post(`/collections/${mine.id}/edit`, { name: 'nude loli', visibility: 'public' });
  assert.equal(opened.status, 422, 'what was private is read when it is opened');
  const profile = await eve.post('/settings/profile', { displayName: 'Eve', bio: 'I draw nude toddlers' });
  assert.equal(profile.status, 422);
  assert.match(textOf(profile.text), /say it in other words/);
  assert.match(profile.text, /I draw nude toddlers<\/textarea>/);
  assert.equal((await eve.post('/settings/profile', { displayName: 'Eve', bio: 'I draw.' })).status, 302);
  assert.equal(await em.fork().count(SafetyHold, { account: ada.id }), 0);
});

test('long words are read to the end in pieces, and brackets of Markdown or HTML are no grammar', async (t) => {
  const pieces = piecesOf(`${'(['.repeat(9_000)} ${'calm water '.repeat(3_000)}`);
  assert.ok(pieces.length > 10 && pieces.every((piece) => piece.length <= 4_000));
  assert.equal(plainOf('<p>lo<b>li</b></p><p>next</p>'), 'loli next');
  assert.equal(plainOf('<'.repeat(4_000)), '');
  assert.ok(piecesOf(`${'x'.repeat(3_990)} nude child ${'y'.repeat(500)}`).some((one) => one.includes('nude child')));

  const { workAs, ada } = await site(t);
  const read = (texts: readonly { scope: string; text: string }[]) =>
    workAs(ada).words.read({ author: ada, level: 1, texts });
  const long = `${'(['.repeat(20_000)} ${'calm water '.repeat(3_000)}`;
  assert.equal(await read([{ scope: 'prose', text: long }]), null);
  assert.equal(await read([{ scope: 'prose', text: `${long} a naked child` }]), 'minor-review');
  // more than one call takes: the name is read with each part
  const many = Array.from({ length: 130 }, (_, n) => ({ scope: 'prose', text: `${n} calm water` }));
  const last = { scope: 'prose', text: 'and nude' };
  assert.equal(await read([{ scope: 'title', text: 'Toddlers' }, ...many]), null);
  assert.equal(await read([{ scope: 'title', text: 'Toddlers' }, ...many, last]), 'minor-review');
});

async function site(t: Parameters<typeof painter>[0]) {
  const all = await painter(t);
  await all.node.settings.write(all.em, guardSettings, calm, all.node.now());
  await all.em.flush();
  return { ...all, versionOf: () => createModel(all.workAs(all.ada), { type: 'LORA', baseModel: 'SD 1.5' }) };
}
