import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { ProtectedName, ProtectedPerson } from '../../src/safety/people/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

const form = { names: 'Zoe Quillfeather\nZQ Feather', note: 'https://zoe.example', isMe: '1' };

test('somebody asks never to be generated, staff confirm, and the name is refused and not kept', async (t) => {
  const { node, em, workAs, start } = await testNode(t);
  const address = await start('web');
  const ada = await givenMember(em, 'ada');
  await givenMember(em, 'mod', { role: 'moderator' });
  const visitor = new Browser(address);
  assert.match(textOf((await visitor.get('/protect-me')).text), /Never generate me/);
  const wrong = await visitor.post('/protect-me', { names: 'Zoe Quillfeather', note: 'kept' });
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /Zoe Quillfeather<\/textarea>/);
  const sent = await visitor.post('/protect-me', form);
  assert.match(textOf(sent.text), /Somebody of the node will look at it/);

  const asked = {
    purpose: 'generation' as const,
    texts: [{ scope: 'positive' as const, text: 'zoe quillfeather on a boat' }],
    facts: { level: 1, flags: [] },
  };
  const ask = () => node.screening.assert(workAs(ada), viewerOf(ada), asked);
  assert.equal((await ask()).action, 'allow', 'a request alone refuses nothing');

  const member = new Browser(address);
  await member.signIn('ada');
  assert.equal((await member.get('/admin/protected-people')).status, 403);
  const staff = new Browser(address);
  await staff.signIn('mod');
  assert.match(textOf((await staff.get('/admin/protected-people')).text), /Zoe Quillfeather · ZQ Feather/);
  const { id } = await em.findOneOrFail(ProtectedPerson, { state: 'requested' });
  assert.equal((await member.post(`/admin/protected-people/${id}`, { outcome: 'active' })).status, 403);
  await staff.post(`/admin/protected-people/${id}`, { outcome: 'active' });
  const person = await em.fork().findOneOrFail(ProtectedPerson, id);
  assert.deepEqual([person.state, person.names ?? null, person.note ?? null], ['active', null, null]);
  const names = await em.fork().find(ProtectedName, {});
  assert.ok(names.length >= 4 && !/zoe|quill/i.test(JSON.stringify(names)));
  await assert.rejects(ask(), { kind: 'invalid', message: /does not want to be generated/ });
  assert.equal((await staff.post(`/admin/protected-people/${id}`, { outcome: 'active' })).status, 404);
});

test('a stranger asks five times a day at most, and a form has limits', async (t) => {
  const { start } = await testNode(t);
  const visitor = new Browser(await start('web'));
  const many = Array.from({ length: 9 }, (_, n) => `Name ${n}`).join('\n');
  for (const names of ['', many, 'x'.repeat(81)])
    assert.equal((await visitor.post('/protect-me', { ...form, names })).status, 422);
  for (let n = 0; n < 5; n += 1) assert.equal((await visitor.post('/protect-me', form)).status, 200);
  assert.equal((await visitor.post('/protect-me', form)).status, 429);
});
