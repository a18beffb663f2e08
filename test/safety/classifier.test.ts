import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { GenerationImage } from '../../src/compute/model.ts';
import type { NodeOptions } from '../../src/parts.ts';
import { Classifier } from '../../src/safety/classifier/classifier.ts';
import type { ClassifierQuestion } from '../../src/safety/classifier/contract.ts';
import { SafetyHold } from '../../src/safety/holds/model.ts';
import { textOf } from '../accounts/browser.ts';
import { fakePython, formOf, readEvents, SHORT, studio } from '../compute/studio.ts';
import { testNode } from '../node.ts';

// The classifier of these tests is a stand-in: a small server that answers what the test says.

const SECRET = 'a secret of the classifier';

interface StandIn {
  readonly url: URL;
  readonly asked: { readonly body: Record<string, unknown>; readonly isSigned: boolean }[];
}

type Answer = (body: Record<string, unknown>, response: ServerResponse) => void;

async function standIn(t: TestContext, answer: Answer): Promise<StandIn> {
  const asked: StandIn['asked'] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const at = String(request.headers['x-tessera-timestamp']);
    const expected = createHmac('sha256', SECRET).update(`${at}.${text}`).digest('hex');
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    asked.push({ body, isSigned: request.headers['x-tessera-signature'] === expected });
    answer(body, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/judge`), asked };
}

const says =
  (reply: object, status = 200): Answer =>
  (_body, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));

const question = (given: Partial<ClassifierQuestion> = {}): ClassifierQuestion => ({
  ...{ kind: 'text', purpose: 'prompt', digest: 'd', text: 'a red circle', level: 1, flags: [], policyVersion: '1' },
  ...given,
});

async function classifierAt(
  t: TestContext,
  url: URL,
  times: NonNullable<NodeOptions['classifierTimes']> = {},
  isShadow = false,
) {
  const { node } = await testNode(t);
  const pace = { textMs: 300, imageMs: 600, pollMs: 20, restMs: 60_000, ...times };
  return new Classifier({ url, secret: SECRET, isShadow, net: node.net, log: node.log, times: pace });
}

test('scenario 57: a classifier may only raise', async (t) => {
  const there = await standIn(t, ({ text }, response) => {
    const reply = text === 'bad' ? { verdict: 'deny', rating: 16 } : { verdict: 'allow', rating: 1, ttl: 60 };
    response.end(JSON.stringify(reply));
  });
  const classifier = await classifierAt(t, there.url);
  assert.deepEqual(await classifier.judge(question()), { action: 'none', level: 1, reason: null });
  const bad = await classifier.judge(question({ text: 'bad', digest: 'e' }));
  assert.deepEqual([bad.action, bad.level], ['deny', 16]);
  assert.ok(there.asked.every(({ isSigned }) => isSigned));
  await classifier.judge(question());
  assert.equal(there.asked.length, 2, 'the answer is kept by digest and version');
  await classifier.judge(question({ policyVersion: '2' }));
  assert.equal(there.asked.length, 3);
});

test('scenario 57: an answer that says allow beside a minor is held, and one that is no answer counts as silence', async (t) => {
  let reply: unknown = { verdict: 'allow', flags: { minor: true } };
  const there = await standIn(t, (_body, response) => void response.end(JSON.stringify(reply)));
  const classifier = await classifierAt(t, there.url);
  assert.equal((await classifier.judge(question({ digest: '1' }))).action, 'hold');
  for (const [digest, lie] of Object.entries({
    2: { verdict: 'fine' },
    3: { verdict: 'allow', rating: 3 },
    4: { verdict: 'allow', labels: [{ id: 'x', score: 9 }] },
    5: 'allow',
  })) {
    reply = lie;
    const opinion = await classifier.judge(question({ digest, purpose: 'output' }));
    assert.deepEqual([opinion.action, opinion.reason], ['hold', 'classifier-silent'], JSON.stringify(lie));
  }
});

test('scenario 57: slow, and each purpose does what it does without an answer', async (t) => {
  const there = await standIn(t, () => undefined);
  const classifier = await classifierAt(t, there.url, { textMs: 50, imageMs: 50 });
  const action = async (given: Partial<ClassifierQuestion>, isSevere = false) =>
    (await classifier.judge(question(given), isSevere)).action;
  assert.equal(await action({ digest: '1' }), 'none', 'a prompt goes by the rules of the node');
  assert.equal(await action({ digest: '2' }, true), 'hold', 'unless they saw something grave');
  assert.equal(await action({ digest: '3', purpose: 'output', kind: 'image' }), 'hold');
  assert.equal(await action({ digest: '4', purpose: 'dataset' }), 'hold');
  assert.equal(classifier.isResting, false);
  assert.equal(await action({ digest: '5', purpose: 'bounty' }), 'hold');
  assert.equal(classifier.isResting, true, 'after five failures it is left alone');
  const before = there.asked.length;
  assert.equal(await action({ digest: '6', purpose: 'output' }), 'hold');
  assert.equal(there.asked.length, before);
});

test('scenario 57: a redirect to the address of metadata is not followed', async (t) => {
  const reached: string[] = [];
  const inner = await standIn(t, (_body, response) => {
    reached.push('inner');
    response.end(JSON.stringify({ verdict: 'allow' }));
  });
  for (const target of ['http://169.254.169.254/latest/meta-data/', inner.url.href]) {
    const there = await standIn(t, (_body, response) => void response.writeHead(302, { location: target }).end());
    const classifier = await classifierAt(t, there.url);
    assert.equal((await classifier.judge(question({ purpose: 'output' }))).action, 'hold');
  }
  assert.deepEqual(reached, []);
});

test('an answer that takes a while is asked for again with the same key', async (t) => {
  const there = await standIn(t, (_body, response) => {
    if (there.asked.length < 3) response.writeHead(202).end();
    else response.end(JSON.stringify({ verdict: 'hold' }));
  });
  const classifier = await classifierAt(t, there.url);
  assert.equal((await classifier.judge(question({ kind: 'image', purpose: 'output' }))).action, 'hold');
  assert.equal(new Set(there.asked.map(({ body }) => body.idempotencyKey)).size, 1);
  const large = question({
    media: { bytes: new Uint8Array(8_000_001), mediaType: 'image/png' },
    digest: 'big',
    purpose: 'output',
  });
  assert.equal((await classifier.judge(large)).action, 'hold', 'what is too large to be sent was not seen');
});

test('in the shadow it is asked and decides nothing', async (t) => {
  const there = await standIn(t, says({ verdict: 'deny' }));
  const classifier = await classifierAt(t, there.url, {}, true);
  assert.equal((await classifier.judge(question())).action, 'none');
  assert.equal(there.asked.length, 1);
});

test('scenario 57: the classifier of the settings sees prompts and pictures; its doubt holds what was made', async (t) => {
  const there = await standIn(t, (body, response) => {
    const reply =
      body.kind === 'image'
        ? { verdict: 'hold', rating: 8 }
        : { verdict: body.text?.toString().includes('forbidden word') ? 'deny' : 'allow' };
    response.end(JSON.stringify(reply));
  });
  const { browser, checkpoint, em } = await studio(t, {
    python: await fakePython(t),
    limits: SHORT,
    env: { CLASSIFIER_URL: there.url.href, CLASSIFIER_SECRET: SECRET },
  });
  const denied = await browser.post('/generate', formOf(checkpoint, { prompt: 'a forbidden word' }));
  assert.equal(denied.status, 422);
  assert.match(textOf(denied.text), /Refused by the classifier/);
  const minor = await browser.post('/generate', formOf(checkpoint, { prompt: 'nude loli' }));
  assert.match(textOf(minor.text), /safety of children/, 'it allows what the node denies, and is not heard');

  const sent = await browser.post('/generate', formOf(checkpoint, { prompt: 'a circle' }));
  await readEvents(browser, `${sent.location}/events`);
  const held = await em.findOneOrFail(SafetyHold, { kind: 'generation' });
  assert.equal(held.reason, 'classifier');
  assert.equal(await em.count(GenerationImage, { generation: held.targetId }), 1);
  assert.ok(there.asked.some(({ body }) => (body.media as { type?: string } | undefined)?.type === 'image/png'));
});
