import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Block, Follow } from '../../src/accounts/model.ts';
import { HideForm, hideThing } from '../../src/catalogue/hidden/hide.ts';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { indexAccount, indexModel } from '../../src/discovery/index/keep.ts';
import { newId } from '../../src/kit/ids.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenModel, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

test('what is typed becomes models, tags and people by the beginning of their names, the most used first, and nothing that is kept back', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const owner = givenAccount(em, { name: 'inkmaster' });
  const little = givenModel(em, { name: 'Ink Wash', owner, downloadCount: 3 });
  const loved = givenModel(em, { name: 'Wet ink', owner, downloadCount: 90 });
  const mature = givenModel(em, { name: 'Ink of night', owner, level: 16 });
  const secret = givenModel(em, { name: 'Ink secret', owner, listedAt: null });
  const mention = givenModel(em, { name: 'Other', owner, description: 'good for ink' });
  const tags = ['ink', 'inked lines', 'inkwell'].map((name) => em.create(Tag, { name }, { persist: true }));
  for (const [n, model] of [little, secret, mature].entries()) {
    const tag = tags[n];
    if (tag) em.create(ModelTag, { model, tag }, { persist: true });
  }
  await em.flush();
  for (const { id } of [little, loved, mature, secret, mention]) await indexModel(workAs(null), id);
  await indexAccount(workAs(null), owner.id);
  const web = new Browser(await start('web'));
  const hrefs = async (q: string) => {
    const answer = await web.get(`/suggest?q=${encodeURIComponent(q)}`);
    assert.equal(answer.status, 200);
    return [...answer.text.matchAll(/role="option"[^>]* href="([^"]+)"/g)].map(([, href]) => href);
  };

  assert.deepEqual(await hrefs('in'), [
    `/models/${loved.id}/wet-ink`,
    `/models/${little.id}/ink-wash`,
    '/tags/ink',
    '/@inkmaster',
    '/search?q=in',
  ]);
  assert.deepEqual(await hrefs('wet i'), [`/models/${loved.id}/wet-ink`, '/search?q=wet%20i']);
  assert.deepEqual(await hrefs('"* OR x'), ['/search?q=%22*%20OR%20x'], 'no operator of the index gets through');
  assert.deepEqual(await hrefs('i'), ['/search?q=i'], 'one letter suggests nothing');
  assert.deepEqual(await hrefs(''), []);
  assert.doesNotMatch((await web.get('/suggest?q=ink')).text, /<html|<script/);

  await hideThing(workAs(ada), HideForm.parse({ kind: 'tag', key: 'ink' }));
  await web.signIn('ada');
  assert.deepEqual((await hrefs('ink')).includes('/tags/ink'), false, 'what somebody hides is not suggested to them');
  assert.deepEqual((await hrefs('ink')).includes(`/models/${little.id}/ink-wash`), false);
});

test('an @ that is typed becomes people of here and of elsewhere, whom one follows first, and nobody across a block or out of sight', async (t) => {
  const { em, workAs, start } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const ben = await givenMember(em, 'benno');
  const far = givenAccount(em, { name: 'benedict', host: 'far.example' });
  const friend = givenAccount(em, { name: 'bentley', host: 'far.example' });
  const known = givenAccount(em, { name: 'zoe', displayName: 'Ben Zoe' });
  const muted = givenAccount(em, { name: 'benmuted' });
  const blocking = givenAccount(em, { name: 'benblocks' });
  const shut = givenAccount(em, { name: 'benaway', state: 'suspended' });
  const topic = givenAccount(em, { name: 'bentag', host: 'far.example', topic: 'tag' });
  em.create(
    Follow,
    { id: newId(), follower: ada, target: friend, state: 'accepted', createdAt: NOW },
    { persist: true },
  );
  em.create(Block, { id: newId(), account: blocking, target: ada, kind: 'block', createdAt: NOW }, { persist: true });
  em.create(Block, { id: newId(), account: ada, target: muted, kind: 'mute', createdAt: NOW }, { persist: true });
  await em.flush();
  // whom one follows is found without the index too
  for (const { id } of [ada, ben, far, known, muted, blocking, shut, topic]) await indexAccount(workAs(null), id);
  const web = new Browser(await start('web'));
  const asked = await web.get('/suggest/people?q=ben');
  assert.equal(asked.status, 302, 'a visitor writes to nobody');
  await web.signIn('ada');
  const handles = async (q: string) => {
    const answer = await web.get(`/suggest/people?q=${encodeURIComponent(q)}`);
    assert.equal(answer.status, 200);
    return [...answer.text.matchAll(/data-handle="([^"]+)"/g)].map(([, handle]) => handle);
  };

  assert.deepEqual(await handles('ben'), ['@bentley@far.example', '@benno', '@zoe', '@benedict@far.example']);
  assert.deepEqual(await handles('@BEN'), await handles('ben'));
  assert.deepEqual(await handles('bene@fa'), ['@benedict@far.example']);
  assert.deepEqual(await handles('bene@near'), []);
  assert.deepEqual(await handles('ada'), [], 'nobody calls themselves');
  for (const odd of ['', '@', '"* OR x', '%', '_', '\u{1f600}', 'a'.repeat(400)])
    assert.deepEqual(await handles(odd), []);
});
