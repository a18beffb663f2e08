import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook as Verifier } from 'standardwebhooks';
import { Webhook, WebhookDelivery } from '../../src/api/webhooks/model.ts';
import { webhookHeaders } from '../../src/api/webhooks/sign.ts';
import { modelPublished } from '../../src/catalogue/events.ts';
import { generationEnded, mergeEnded } from '../../src/compute/events.ts';
import { MergeRun } from '../../src/compute/merging/model.ts';
import { Generation } from '../../src/compute/model.ts';
import { record } from '../../src/kit/events/events.ts';
import { Notification } from '../../src/notifications/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenModel, givenVersion } from '../factories/content.ts';
import { painter } from '../gallery/painter.ts';
import { openReceiver, type Received } from '../notifications/receiver.ts';

test('a message is signed as the Standard Webhooks library reads it', () => {
  const now = new Date();
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const old = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  const headers = { ...webhookHeaders('1', now, '{"test":1}', [secret, old]) };
  for (const one of [secret, old]) assert.deepEqual(new Verifier(one).verify('{"test":1}', headers), { test: 1 });
  assert.throws(() => new Verifier(secret).verify('{"test":2}', headers));
});

const secretIn = (html: string): string => /class="secret">(whsec_[^<]+)</.exec(html)?.[1] ?? '';

test('webhooks are told of their own things, signed; failures are tried again, written down, sent again by hand, and switch it off', async (t) => {
  const receiver = await openReceiver(t);
  const { browser, ada, other, em, clock, settle, post, address } = await painter(t, {
    ...receiver.options,
    env: { PUBLIC_URL: 'https://node.example' },
    // the library that verifies looks at the clock of the machine
    realTime: true,
  });
  const bob = await other('bob');
  const own = receiver.url('/ada', 'hook.example');
  for (const url of ['http://hook.example/', 'nonsense', 'https://me:pw@hook.example/']) {
    const refused = await browser.post('/settings/webhooks', { url, 'events[]': ['model.published'] });
    assert.equal(refused.status, 422, url);
    assert.match(refused.text, /value="model\.published"[^>]* checked/);
  }
  assert.equal((await browser.post('/settings/webhooks', { url: own, 'events[]': ['report.filed'] })).status, 422);
  const wide = { url: own, 'events[]': ['model.published'], isNodeWide: '1' };
  assert.equal((await browser.post('/settings/webhooks', wide)).status, 403);
  const made = await browser.post('/settings/webhooks', {
    url: own,
    'events[]': ['model.published', 'images.published', 'job.ended'],
  });
  const secret = secretIn(made.text);
  const hook = await em.fork().findOneOrFail(Webhook, { account: ada.id });
  assert.ok(secret.length > 40 && !JSON.stringify(hook).includes(secret));
  const page = `/settings/webhooks/${hook.id}`;
  assert.equal(secretIn((await browser.get(page)).text), '', 'shown once');
  for (const path of [page]) assert.equal((await bob.browser.get(path)).status, 404);
  for (const act of ['', '/secret', '/test', '/removal', `/deliveries/${hook.id}`]) {
    const fields = act === '' ? { url: own, 'events[]': ['model.published'] } : {};
    assert.equal((await bob.browser.post(`${page}${act}`, fields)).status, 404, act);
  }

  await givenMember(em, 'root', { role: 'owner' });
  const root = new Browser(address);
  await root.signIn('root');
  const all = await root.post('/settings/webhooks', {
    url: receiver.url('/node', 'hook.example'),
    'events[]': ['model.published', 'images.published', 'job.ended', 'report.filed', 'case.opened'],
    isNodeWide: '1',
  });
  const nodeSecret = secretIn(all.text);

  const read = ({ headers, body, path }: Received, key: string) =>
    [
      path,
      new Verifier(key).verify(body.toString(), headers) as { type: string; data: Record<string, unknown> },
    ] as const;
  const { postId, imageIds } = await post(ada, [{}]);
  await post(ada, [{}], { visibility: 'followers' });
  const theirs = givenModel(em, { owner: bob.account, name: 'Of Bob' });
  givenVersion(em, { model: theirs });
  await em.flush();
  // again is the same message
  for (let n = 0; n < 2; n += 1) record(em, modelPublished, { modelId: theirs.id });
  await em.flush();
  await settle();
  const byPath = (path: string) => receiver.received.filter((one) => one.path === path);
  const told = byPath('/ada').map((one) => read(one, secret)[1]);
  assert.deepEqual(
    told.map(({ type }) => type),
    ['images.published', 'images.published'],
    'her own alone',
  );
  assert.equal(told[0]?.data.postId, postId);
  assert.equal(told[0]?.data.url, `https://node.example/posts/${postId}`);
  assert.deepEqual(
    ((told[0]?.data.images ?? []) as { id: number }[]).map(({ id }) => id),
    imageIds,
  );
  const nodeTold = byPath('/node').map((one) => read(one, nodeSecret)[1]);
  assert.deepEqual(
    nodeTold.map(({ type }) => type).sort(),
    ['images.published', 'model.published'],
    'what is public alone',
  );
  assert.throws(() => read(byPath('/node')[0] as Received, secret));

  // what somebody has made is told to them alone
  const generation = em.create(Generation, {
    ...{ id: hook.id, account: ada, state: 'done', createdAt: clock.now() },
    request: {} as never,
  });
  await em.persist(generation).flush();
  record(em, generationEnded, { generationId: generation.id, isDone: true });
  await em.flush();
  await bob.browser.post('/reports', { about: `image:${imageIds[0]}`, reason: 'other', text: 'A private word' });
  await settle();
  assert.deepEqual(read(byPath('/ada').at(-1) as Received, secret)[1].data.state, 'done');
  const merge = { name: 'Alloy', kind: 'lora', family: 'sd15', baseModel: 'SD 1.5', parts: [], params: {}, round: 0 };
  await em.insert(MergeRun, { id: hook.id, owner: ada.id, createdAt: clock.now(), ...merge } as never);
  record(em, mergeEnded, { mergeId: hook.id, isDone: false });
  await em.flush();
  await settle();
  assert.deepEqual(read(byPath('/ada').at(-1) as Received, secret)[1].data, {
    ...{ kind: 'merge', id: hook.id, state: 'failed', url: `https://node.example/merge/${hook.id}` },
  });
  const report = read(byPath('/node').at(-1) as Received, nodeSecret)[1];
  assert.equal(report.type, 'report.filed');
  assert.doesNotMatch(JSON.stringify(report), /private word|bob/);

  // a new secret, and for a day the one before
  const rotated = secretIn((await browser.post(`${page}/secret`)).text);
  await browser.post(`${page}/test`);
  await settle();
  for (const key of [secret, rotated])
    assert.equal(read(byPath('/ada').at(-1) as Received, key)[1].type, 'webhook.test');
  clock.pass(25 * 3_600_000);
  receiver.received.length = 0;
  receiver.answer = 302;
  await browser.post(`${page}/test`);
  await settle();
  // a day later the node's own webhook may hear of something too
  assert.equal(byPath('/ada').length, 1);
  const sent = byPath('/ada')[0] as Received;
  const stamp = new Date(Number(sent.headers['webhook-timestamp']) * 1_000);
  assert.ok(stamp.getTime() > Date.now() + 24 * 3_600_000, 'each attempt is signed anew');
  const log = await browser.get(page);
  assert.match(textOf(log.text), /webhook\.test On its way .*1 attempt .*It answered 302/);

  // it is tried again until it has been tried enough
  const delivery = await em.fork().findOneOrFail(WebhookDelivery, { webhook: hook.id, state: 'pending' });
  receiver.answer = 500;
  for (let n = 0; n < 8; n += 1) {
    clock.pass(13 * 3_600_000);
    await settle();
  }
  assert.equal(new Set(byPath('/ada').map(({ headers }) => headers['webhook-id'])).size, 1);
  assert.equal(byPath('/ada').length, 9);
  assert.match(textOf((await browser.get(page)).text), /Not delivered/);
  receiver.answer = 204;
  await browser.post(`${page}/deliveries/${delivery.id}`);
  await settle();
  assert.equal(receiver.received.at(-1)?.headers['webhook-id'], `msg_${delivery.id}`);
  assert.equal((await em.fork().findOneOrFail(WebhookDelivery, delivery.id)).state, 'delivered');

  // an inner address is taken and never reached; who answers 410 is left alone, and its owner is told
  receiver.received.length = 0;
  await browser.post(page, { url: receiver.url('/x', 'inside.example'), 'events[]': ['model.published'] });
  await browser.post(`${page}/test`);
  await settle();
  assert.match(textOf((await browser.get(page)).text), /This host cannot be reached/);
  assert.equal(receiver.received.length, 0);
  receiver.answer = 410;
  await browser.post(page, { url: own, 'events[]': ['model.published'] });
  await browser.post(`${page}/test`);
  await settle();
  assert.match(textOf((await browser.get(page)).text), /This webhook is switched off/);
  assert.match(
    textOf((await browser.get('/notifications')).text),
    /The webhook for hook\.example:\d+ was switched off/,
  );
  assert.ok(await em.fork().count(Notification, { account: ada.id, kind: 'webhook' }));
  await browser.post(page, { url: own, 'events[]': ['model.published'] });
  assert.equal((await em.fork().findOneOrFail(Webhook, hook.id)).disabledAt, null);
  assert.equal((await browser.post(`${page}/removal`)).location, '/settings/webhooks?said=webhook-deleted');
  assert.equal((await browser.get(page)).status, 404);
});
