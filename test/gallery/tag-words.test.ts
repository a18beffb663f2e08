import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HideForm, hideThing, listHidden } from '../../src/catalogue/hidden/hide.ts';
import { Model, ModelTag, Tag } from '../../src/catalogue/model.ts';
import { listModelTags, setModelTags } from '../../src/catalogue/tags.ts';
import { indexModel } from '../../src/discovery/index/keep.ts';
import { loadModelsPage, ModelsQuery } from '../../src/discovery/lists/models.ts';
import { listPostTags, setPostTags } from '../../src/gallery/posts/tags.ts';
import { spreadSynonymJob } from '../../src/gallery/tags/synonyms.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenModel, givenPost } from '../factories/content.ts';
import { testNode } from '../node.ts';

test('a word that moderators make a synonym is the tag where it is written, asked for, hidden and followed; only they may, and it is on record', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const [mod, ada] = [await givenMember(em, 'mod', { role: 'moderator' }), await givenMember(em, 'ada')];
  const [ink, inks] = ['ink', 'inks'].map((name) => em.create(Tag, { name }, { persist: true }));
  assert(ink && inks);
  const [one, two, both] = [
    givenModel(em, { name: 'one' }),
    givenModel(em, { name: 'two' }),
    givenModel(em, { name: 'both' }),
  ];
  for (const [model, tag] of [
    [one, ink],
    [two, inks],
    [both, ink],
    [both, inks],
  ] as const) {
    em.create(ModelTag, { model, tag }, { persist: true });
  }
  const post = givenPost(em);
  givenImage(em, { post });
  await em.flush();
  await setPostTags(em, post.id, ['inks']);
  await hideThing(workAs(ada), HideForm.parse({ kind: 'tag', key: 'inks' }));
  const address = await start('web');
  const [staff, member] = [new Browser(address), new Browser(address)];
  await staff.signIn('mod');
  await member.signIn('ada');

  assert.equal((await member.post('/tags/ink/synonyms', { word: 'inks' })).status, 403);
  const refused = await staff.post('/tags/ink/synonyms', { word: '#ink' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /That is the tag itself/);
  assert.equal((await staff.post('/tags/ink/synonyms', { word: 'Inks' })).location, '/tags/ink/edit');
  await spreadSynonymJob.run(workAs(null), { tagId: inks.id }, {} as never);
  await spreadSynonymJob.run(workAs(null), { tagId: inks.id }, {} as never);
  const names = async (query: object, viewer: typeof ada | null = null) =>
    (await loadModelsPage(workAs(viewer), ModelsQuery.parse(query))).items.map(({ name }) => name).sort();
  assert.deepEqual(await names({ tag: 'ink' }), ['both', 'one', 'two'], 'what bore the word bears the tag');
  assert.deepEqual(await names({ tag: 'inks' }), ['both', 'one', 'two'], 'asking with the word asks for the tag');
  assert.deepEqual(await names({}, ada), [], 'who hid the word hides the tag');
  assert.deepEqual((await listHidden(workAs(ada))).map(({ label }) => label).sort(), ['#ink', '#inks']);
  assert.deepEqual(await listPostTags(em.fork(), post.id), ['ink']);
  await em.fork().transactional(async (inner) => {
    await setModelTags(inner, await inner.findOneOrFail(Model, one.id), ['inks', 'wash']);
  });
  assert.deepEqual(await listModelTags(em.fork(), one.id), ['ink', 'wash'], 'writing the word writes the tag');
  assert.equal((await member.get('/tags/inks?show=images')).location, '/tags/ink?show=images');
  assert.match((await new Browser(address).get('/tags/ink')).text, /Also written #inks/);
  await indexModel(workAs(null), two.id);
  assert.match((await new Browser(address).get('/search?q=inks')).text, /two/);

  // a synonym of a synonym means the same tag, and a synonym has none of its own
  await staff.post('/tags/inks/synonyms', { word: 'tusche' }).then(({ status }) => assert.equal(status, 409));
  await staff.post('/tags/ink/synonyms/removal', { word: 'inks' });
  assert.deepEqual(await names({ tag: 'inks' }), [], 'a tag of its own again, which nothing bears');
  assert.equal((await staff.post('/tags/ink/synonyms/removal', { word: 'inks' })).status, 404);

  // the text of the tag, its history, and the way back
  assert.equal((await member.get('/tags/ink/edit')).status, 403);
  assert.equal(
    (await staff.post('/tags/ink/text', { text: 'Black **fluid** <script>x</script>' })).location,
    '/tags/ink',
  );
  const shown = await new Browser(address).get('/tags/ink');
  assert.match(shown.text, /Black <strong>fluid<\/strong>/);
  assert.doesNotMatch(shown.text, /<script>x/);
  const fromOf = async () => /name="from" value="([^"]*)"/.exec((await staff.get('/tags/ink/edit')).text)?.[1] ?? '';
  const first = await fromOf();
  assert.equal((await staff.post('/tags/ink/text', { text: 'Vandalism', from: first })).location, '/tags/ink');
  const late = await staff.post('/tags/ink/text', { text: 'Mine, from before', from: first });
  assert.equal(late.status, 409);
  assert.match(late.text, /Mine, from before/, 'what was typed is still there');
  await staff.post('/tags/ink/text/restoration', { id: first });
  assert.match((await new Browser(address).get('/tags/ink')).text, /Black <strong>fluid/);
  const history = (await staff.get('/tags/ink/edit')).text;
  assert.equal(history.match(/<time datetime/g)?.length, 3);
  assert.match(history, /went back/);
  assert.equal((await staff.post('/tags/ink/text/restoration', { id: mod.name })).status, 422);
  const audit = (await em.fork().find(AuditEntry, {}))
    .map(({ action }) => action)
    .filter((action) => action.startsWith('tag.'));
  assert.deepEqual(audit.sort(), [
    'tag.remove-synonym',
    'tag.set-synonym',
    'tag.write-text',
    'tag.write-text',
    'tag.write-text',
  ]);
});

test('the page of a tag that pictures alone bear shows them, and says of each kind what is not there', async (t) => {
  const { em, start } = await testNode(t);
  const post = givenPost(em);
  const image = givenImage(em, { post });
  givenModel(em);
  await em.flush();
  await setPostTags(em, post.id, ['rings']);
  await em.flush();
  const visitor = new Browser(await start('web'));
  assert.match(
    (await visitor.get('/tags/rings')).text,
    new RegExp(`href="/images/${image.id}|href="/posts/${post.id}`),
  );
  assert.match((await visitor.get('/tags/rings?show=models')).text, /No model has this tag/);
});
