import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Runner } from '../../src/compute/runners/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { until } from '../kit/queue-setup.ts';
import { dialIn } from './runners.ts';
import { fakePython, SHORT, studio } from './studio.ts';

test('the owner makes a token that is shown once, sees the runner come, drains it and revokes it', async (t) => {
  const python = await fakePython(t, '--cuda');
  const its = await studio(t, { python, limits: SHORT, env: { ENGINE: 'none' } });
  await givenMember(its.em, 'olga', { role: 'owner' });
  const owner = new Browser(its.address);
  await owner.signIn('olga');
  for (const where of ['/admin/gpu/runners', '/admin/gpu/runner']) {
    assert.equal((await its.browser.post(where, { name: 'attic' })).status, 403, 'a member may not');
  }
  const read = async () => textOf((await owner.get('/admin/gpu')).text);
  assert.match(await read(), /No runner yet/);
  const refused = await owner.post('/admin/gpu/runners', { name: '<b>' });
  assert.equal(refused.status, 422);
  const made = await owner.post('/admin/gpu/runners', { name: 'attic' });
  const token = /runner --node \S+ --token (tessera-runner_[\w.-]+)/.exec(made.text)?.[1] ?? '';
  assert.notEqual(token, '');
  assert.ok(!(await owner.get('/admin/gpu')).text.includes(token), 'it is shown once');
  const [row] = await its.em.find(Runner, {});
  assert.ok(row && !token.includes(row.tokenHash), 'the secret itself is not kept');
  assert.match(await read(), /attic Never dialled in/);
  assert.equal((await owner.post('/admin/gpu/runners', { name: 'attic' })).status, 409);

  const { stopped } = await dialIn(t, { address: its.address, token, python });
  await until('it is there', async () => /attic Fake GPU There Tessera\/test/.test(await read()), 30_000);
  await until('so is its engine', async () => /Fake GPU on the runner attic Ready/.test(await read()), 30_000);
  const act = (what: string) => owner.post('/admin/gpu/runner', { runner: row.id, act: what });
  assert.equal((await act('drain')).location, '/admin/gpu?said=runner-drain');
  assert.match(await read(), /There Takes no more work/);
  await act('undrain');
  assert.doesNotMatch(await read(), /Takes no more work/);
  await act('revoke');
  assert.match((await stopped)?.message ?? '', /revoked this runner/);
  assert.match(await read(), /No runner yet/);
  assert.equal((await act('drain')).status, 404);
});
