import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { QueueDecision, StaffExposure } from '../../src/moderation/queue/model.ts';
import { Report } from '../../src/moderation/reports/model.ts';
import { listRules } from '../../src/moderation/rules/list.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenComment, givenImage, givenModel, givenPost } from '../factories/content.ts';
import { testNode } from '../node.ts';
import { deskOf } from './desk.ts';

type Context = Parameters<typeof testNode>[0];

const HOSTILE = [
  '<script>alert(1)</script>',
  '<svg onload=alert(2)><a href="javascript:alert(3)">x</a></svg>',
  '[click](javascript:alert(4)) ![x](https://tracker.example/x.png)',
  '\u202Egnp.exe\u202C',
  '=cmd|"/C calc"!A0',
].join('\n');

async function site(t: Context) {
  const node = await testNode(t);
  const { em } = node;
  await givenMember(em, 'olga', { role: 'owner' });
  const mia = await givenMember(em, 'mia', { role: 'moderator' });
  const ada = await givenMember(em, 'ada');
  const address = await node.start('web', 'worker');
  const open = async (name: string) => {
    const browser = new Browser(address);
    if (name) await browser.signIn(name);
    return browser;
  };
  return { ...node, ...deskOf(node), mia, ada, open };
}

test('a member reports by a form without scripts, is told that it counts, and finds it among their reports', async (t) => {
  const { em, fork, open } = await site(t);
  const image = givenImage(em, { altText: 'A cat' });
  await em.flush();
  const [rule] = await listRules(fork());
  const visitor = await open('');
  assert.match((await visitor.get(`/reports/new?about=image:${image.id}`)).location, /^\/sign-in\?next=/);
  assert.equal(
    (await visitor.post('/reports', { about: `image:${image.id}`, reason: 'other', text: 'x' })).status,
    401,
  );

  const ada = await open('ada');
  const form = await ada.get(`/reports/new?about=image:${image.id}`);
  assert.match(textOf(form.text), /A cat/);
  assert.match(textOf(form.text), new RegExp(rule?.title ?? '-'));
  const refused = await ada.post('/reports', {
    about: `image:${image.id}`,
    text: 'It is bad',
    link: 'javascript:alert(1)',
  });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /It is bad/, 'what was typed stands there again');
  const sent = await ada.post('/reports', { about: `image:${image.id}`, reason: rule?.id ?? '', text: 'It is bad' });
  assert.equal(sent.location, '/reports/thanks');
  const again = await ada.post('/reports', { about: `image:${image.id}`, reason: 'other', text: 'And again' });
  assert.equal(again.status, 429);
  assert.ok(Number(again.headers.get('retry-after')) > 0);
  assert.match(textOf((await ada.get('/reports')).text), /Waits for a moderator/);
  for (const wrong of ['image:999', 'image:x', 'dragon:1', '', 'comment:1']) {
    assert.equal((await ada.get(`/reports/new?about=${wrong}`)).status, 404, wrong);
  }
});

test('every page of something has a link to report it, but not for its owner', async (t) => {
  const { em, ada, open } = await site(t);
  const model = givenModel(em, { owner: ada });
  const post = givenPost(em, { owner: ada });
  const image = givenImage(em, { post });
  const comment = givenComment(em, { author: ada, post });
  await em.flush();
  const [visitor, owner] = [await open(''), await open('ada')];
  for (const [path, about] of [
    [`/images/${image.id}`, `image:${image.id}`],
    [`/posts/${post.id}`, `post:${post.id}`],
    [`/posts/${post.id}`, `comment:${comment.id}`],
    ['/@ada', `account:${ada.id}`],
  ]) {
    assert.ok((await visitor.get(path ?? '')).text.includes(`/reports/new?about=${about}`), about);
    assert.ok(!(await owner.get(path ?? '')).text.includes(`/reports/new?about=${about}`), about);
  }
  assert.ok(model.id > 0);
});

test('scenario 39: what a reporter typed is inert for the moderator, for the reporter and in the log', async (t) => {
  const { em, ada, report, rowOf, open } = await site(t);
  const image = givenImage(em, { caption: HOSTILE, altText: HOSTILE.slice(0, 1_000) });
  await em.flush();
  await report(ada, 'image', image, { category: 'other', text: HOSTILE });
  const row = await rowOf('image', image);
  const [mia, reporter] = [await open('mia'), await open('ada')];
  for (const page of [
    await mia.get('/moderation'),
    await mia.get(`/moderation/queue/${row.id}`),
    await mia.get('/moderation/audit'),
    await reporter.get('/reports'),
    await reporter.get(`/reports/new?about=image:${image.id}`),
  ]) {
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /<script>alert|<svg onload|href="javascript:|<img[^>]+tracker\.example/);
    assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self'/);
    // what turns the direction of text round stands in a box of its own
    for (const [, tag] of page.text.matchAll(/(<[^<>]*>)[^<>]*\u202E/g))
      assert.match(tag ?? '', /dir="auto"|<t|<meta|<h1|<title/);
  }
});

test('a moderator decides by forms alone, undoes, and decides again; members have no way in', async (t) => {
  const { em, ada, fork, report, rowOf, open, clock, settle } = await site(t);
  const image = givenImage(em);
  await em.flush();
  await report(ada, 'image', image);
  const row = await rowOf('image', image);
  const [mia, member] = [await open('mia'), await open('ada')];
  for (const path of ['/moderation', `/moderation/queue/${row.id}`, '/moderation/audit', '/moderation/rules']) {
    assert.equal((await member.get(path)).status, 403, path);
  }
  assert.match((await mia.get('/moderation')).text, new RegExp(`/moderation/queue/${row.id}`));
  const page = await mia.get(`/moderation/queue/${row.id}`);
  assert.match(page.text, /class="evidence full"/, 'veiled until asked for');
  const key = /name="key" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  const incomplete = await mia.post(`/moderation/queue/${row.id}/decision`, { key, choice: 'dismiss' });
  assert.equal(incomplete.status, 422);
  const decided = await mia.post(`/moderation/queue/${row.id}/decision`, {
    key,
    choice: 'dismiss',
    facts: 'It is fine.',
  });
  assert.equal(decided.location, `/moderation?said=queue-decided&undo=${key}`);
  assert.match((await mia.get(decided.location)).text, new RegExp(`/moderation/decisions/${key}/undo`));
  const undone = await mia.post(`/moderation/decisions/${key}/undo`);
  assert.equal(undone.location, `/moderation/queue/${row.id}?said=queue-undone`);
  const again = await mia.get(undone.location);
  const newKey = /name="key" value="([^"]+)"/.exec(again.text)?.[1] ?? '';
  assert.notEqual(newKey, key);
  await mia.post(`/moderation/queue/${row.id}/decision`, { key: newKey, choice: 'dismiss', facts: 'It is fine.' });
  clock.pass(10_001);
  await settle();
  assert.equal((await fork().findOneOrFail(QueueDecision, newKey)).state, 'done');
  assert.equal((await fork().findOneOrFail(Report, { rowId: row.id })).outcome, 'dismiss');
});

test('looking at harmful pictures unveiled is counted, for who looks and for the owner', async (t) => {
  const { em, ada, mia, fork, report, rowOf, open } = await site(t);
  const [harmful, usual] = [givenImage(em), givenImage(em)];
  await em.flush();
  await report(ada, 'image', harmful, { category: 'ncii' });
  await report(ada, 'image', usual);
  const moderator = await open('mia');
  for (const thing of [harmful, usual]) {
    const { id } = await rowOf('image', thing);
    assert.match(
      (await moderator.post(`/moderation/queue/${id}/view`, { veil: 'grey' })).text,
      /class="evidence grey"/,
    );
    await moderator.post(`/moderation/queue/${id}/view`, { veil: 'none' });
    await moderator.post(`/moderation/queue/${id}/view`, { veil: 'full' });
  }
  assert.equal((await fork().findOneOrFail(StaffExposure, { accountId: mia.id })).count, 2);
  assert.match(textOf((await moderator.get('/moderation')).text), /looked at 2 harmful pictures/);
  assert.doesNotMatch((await moderator.get('/moderation')).text, /id="exposures"/);
  assert.match(
    textOf((await (await open('olga')).get('/moderation')).text),
    /Looks at harmful pictures today Who Looks @mia 2/,
  );
});

test('rules are numbered and versioned, and old decisions go on naming the old words', async (t) => {
  const { fork, open } = await site(t);
  const [owner, mia, visitor] = [await open('olga'), await open('mia'), await open('')];
  assert.equal((await mia.get('/moderation/rules')).status, 403);
  assert.equal((await mia.post('/moderation/rules', { title: 'Mine', category: 'other' })).status, 403);
  const added = await owner.post('/moderation/rules', { title: 'Be kind', text: 'Always.', category: 'harassment' });
  assert.match(added.location, /#rule-12$/);
  await owner.post('/moderation/rules/12', { title: 'Be kinder', text: 'Always.', category: 'harassment' });
  await owner.post('/moderation/rules/12', { title: 'Be kinder', text: 'Always.', category: 'harassment' });
  await owner.post('/moderation/rules/1/removal');
  const refused = await owner.post('/moderation/rules/12', { title: '', category: 'harassment' });
  assert.equal(refused.status, 422);
  const rules = await listRules(fork());
  assert.deepEqual(rules.map(({ number, version }) => [number, version]).at(-1), [12, 2]);
  assert.equal(rules[0]?.number, 2);
  const page = textOf((await visitor.get('/rules')).text);
  assert.match(page, /Be kinder/);
  const entries = await fork().find(AuditEntry, { subjectKind: 'rule' }, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    entries.map(({ action, rule }) => [action, rule]),
    [
      ['rule.add', '12'],
      ['rule.change', '12.2'],
      ['rule.retire', '1'],
    ],
  );
});

test('the audit page filters, verifies on demand, and a banner says when the log was changed', async (t) => {
  const { em, ada, node, report, open, settle } = await site(t);
  const image = givenImage(em);
  await em.flush();
  await report(ada, 'image', image);
  const owner = await open('olga');
  await owner.post('/moderation/rules', { title: 'Be kind', category: 'harassment' });
  assert.match((await owner.get('/moderation/audit?action=report')).text, /report\.file/);
  assert.doesNotMatch((await owner.get('/moderation/audit?action=rule')).text, /report\.file/);
  assert.doesNotMatch((await owner.get('/moderation/audit?actor=nobody')).text, /rule\.add/);
  assert.match((await owner.get(`/moderation/audit?subject=image:${image.id}`)).text, /report\.file/);
  await owner.post('/moderation/audit/verification');
  await settle();
  assert.match(textOf((await owner.get('/moderation/audit')).text), /Checked: 2 rows, whole/);
  assert.doesNotMatch((await owner.get('/moderation')).text, /The audit log was changed/);

  await rows(node.orm.em.fork(), `update audit_entry set reason = 'other' where seq = 1 returning seq`);
  await owner.post('/moderation/audit/verification');
  await settle();
  for (const path of ['/moderation', '/moderation/audit', '/admin/accounts']) {
    assert.match(textOf((await owner.get(path)).text), /The audit log was changed/, path);
  }
});
