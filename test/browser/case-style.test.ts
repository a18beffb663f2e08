import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { Strike } from '../../src/moderation/cases/model/strike.ts';
import { Takedown } from '../../src/moderation/takedown/model.ts';
import { PolicyRestriction } from '../../src/safety/policy.ts';
import type { Browser as Client } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, peerNode, settleAll } from '../federation/nodes.ts';
import { followAccount } from '../federation/people.ts';
import { stepsOf } from '../moderation/takedowns.ts';
import { confirmByLetter, fileClaim, HOUR, later, openClaim } from './cases.ts';
import { DESKTOP, PHONE, signIn, skip, until, withChromium } from './chromium.ts';

const browser = withChromium();
const NAME = /jane.{0,2}doe/i;

/** Ada publishes a LoRA that bears a painter's name wherever one can be; Bob, who follows her on another node, has it. */
async function given(t: TestContext) {
  const home = await peerNode(t, '127.0.0.1', {}, { realTime: true });
  const away = await peerNode(t, '127.0.0.2', {}, { realTime: true });
  const peers = [home, away] as const;
  const ada = await home.member('ada');
  await home.member('mod', 'moderator');
  const bob = await away.member('bob');
  await followAccount(away, bob.browser, home, 'ada', peers);
  const versionId = await publish(ada.browser, peers);
  const { model } = await home.em.fork().findOneOrFail(ModelVersion, versionId);
  const copy = await away.em.fork().findOneOrFail(Model, { uri: `${home.origin}/models/${model.id}` });
  assert.match(copy.name, NAME);
  return { home, away, peers, ada, bob, versionId, modelId: model.id, copyId: copy.id };
}

async function publish(client: Client, peers: readonly Peer[]): Promise<number> {
  const bytes = kohyaLoraSd1({ name: 'jane-doe', metadata: { ss_tag_frequency: '{"1_jane doe": {"jane doe": 12}}' } });
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(bytes)]), 'jane-doe_v1.safetensors');
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await client.postForm('/upload', form)).location) ?? [];
  await settleAll(...peers);
  const answer = await client.post(`/versions/${versionId}/edit`, {
    ...{
      act: 'publish',
      name: 'Jane Doe style',
      type: 'LORA',
      baseModel: 'SD 1.5',
      versionName: 'JaneDoe v1',
      level: '1',
    },
    ...{
      description: 'Paints like **Jane Doe**.\n\nNice.',
      trainedWords: 'jane_doe\nsoft light',
      tags: 'jane doe, painting',
    },
    ...{ allowNoCredit: '1', allowDerivatives: '1' },
  });
  assert.equal(answer.status, 302, answer.text.slice(0, 2_000));
  await settleAll(...peers);
  return Number(versionId);
}

/** What the first bytes of a safetensors file say. */
async function headerOf(url: string): Promise<{ text: string; fileName: string }> {
  const reply = await fetch(url);
  assert.equal(reply.status, 200, url);
  const bytes = Buffer.from(await reply.arrayBuffer());
  const text = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8');
  assert.ok(Object.keys(JSON.parse(text) as object).length > 1, 'it is a safetensors file with tensors');
  return { text, fileName: reply.headers.get('content-disposition') ?? '' };
}

const textAt = async (url: string): Promise<string> => (await fetch(url, { headers: { accept: 'text/html' } })).text();

test('an artist without an account and an uploader agree on the name’s removal, and it goes everywhere', {
  skip,
}, async (t) => {
  const { home, away, peers, versionId, modelId, copyId } = await given(t);
  const address = new URL(home.origin);
  const path = `${home.origin}/models/${modelId}`;
  const original = await home.em.fork().findOneOrFail(ModelFile, { version: versionId });
  assert.match((await headerOf(`${home.origin}/api/download/models/${versionId}`)).text, NAME);

  // the artist, on a phone
  const jane = await browser.open({ viewport: PHONE });
  const filed = await fileClaim({ page: jane.page, peers, origin: home.origin }, 'style', path, {
    ...{ email: 'jane@example.net', name: 'Jane Doe', works: 'All my barns.', artistName: 'Jane Doe' },
    ...{ wish: 'Take my name off.', signature: 'Jane Doe' },
  });
  const load = () => home.em.fork().findOneOrFail(ClaimCase, filed.caseId);
  assert.equal((await load()).state, 'received', 'it waits for the letter');
  await confirmByLetter(jane.page, peers, 'jane@example.net');
  assert.equal((await load()).state, 'notified', 'and then the uploader is told');

  // a moderator proposes an outcome
  const mod = await browser.open({ viewport: DESKTOP });
  await signIn(mod.page, address, 'mod');
  await mod.page.goto(`${home.origin}/moderation/cases/${filed.caseId}`);
  await mod.page.getByText('Make an offer').click();
  await mod.page.locator('#offer-outcome').selectOption('de_attribute');
  await mod.page.locator('#offer-outcome-text').fill('Jane Doe');
  await mod.page.getByRole('button', { name: 'Make the offer' }).click();
  await mod.page.getByText('waits for an answer').waitFor();

  // both accept it
  await openClaim(jane.page, filed);
  await jane.page.getByRole('button', { name: 'Accept' }).click();
  await jane.page.waitForURL((url) => url.search === '?said=accepted');
  const ada = await browser.open({ viewport: DESKTOP });
  await signIn(ada.page, address, 'ada');
  await ada.page.goto(`${home.origin}/cases/${filed.number}`);
  assert.doesNotMatch((await ada.page.locator('main').textContent()) ?? '', /jane@example\.net/);
  await ada.page.getByRole('button', { name: 'Accept' }).click();
  await ada.page.waitForURL((url) => url.search === '?said=accepted');
  await mod.page.reload();
  await mod.page.getByRole('button', { name: 'Stop it' }).waitFor();

  await later(peers, 47 * HOUR);
  assert.equal((await load()).state, 'notified', 'a moderator may still stop it');
  assert.match(await textAt(path), NAME);
  await later(peers, 2 * HOUR);
  // what waits for a look at a busy machine is tried again
  for (let n = 0; n < 5 && (await load()).state === 'decided'; n += 1) await later(peers, HOUR);

  const takedown = await home.em.fork().findOneOrFail(Takedown, { caseId: filed.caseId });
  const open = Object.entries(await stepsOf(home.em, takedown.id)).filter(([, state]) => state !== 'done');
  assert.deepEqual(open, []);
  const kase = await load();
  assert.deepEqual([kase.state, kase.outcome, kase.interim], ['executed', 'de_attribute', 0]);
  assert.equal(await home.em.fork().count(PolicyRestriction, { source: `case:${filed.caseId}` }), 0);
  assert.equal(await home.em.fork().count(Strike, { caseId: filed.caseId }), 0, 'an agreement is no offence');

  // on the page
  await jane.page.goto(path);
  const shown = (await jane.page.locator('main').textContent()) ?? '';
  assert.doesNotMatch(await jane.page.content(), NAME);
  assert.match(shown, /A name was removed from this model after a claim/);
  assert.match(shown, /soft light/, 'the other trigger word stays');

  // in the file
  const file = await headerOf(`${home.origin}/api/download/models/${versionId}`);
  assert.doesNotMatch(file.text, NAME);
  assert.doesNotMatch(file.fileName, NAME);
  const renewed = await home.em.fork().findOneOrFail(ModelFile, { version: versionId });
  assert.notEqual(renewed.sha256, original.sha256);
  assert.equal(renewed.tensorSha256, original.tensorSha256);

  // in search
  await jane.page.goto(`${home.origin}/search?q=${encodeURIComponent('Jane Doe')}`);
  assert.equal(await jane.page.locator(`a[href^="/models/${modelId}"]`).count(), 0);
  await jane.page.goto(`${home.origin}/search?q=style`);
  assert.ok((await jane.page.locator(`a[href^="/models/${modelId}"]`).count()) > 0, 'by its other words it is found');

  // its owner cannot put the name back
  await ada.page.goto(`${home.origin}/versions/${versionId}/edit`);
  await ada.page.locator('main [name=name]').fill('Jane  DOE barns');
  await ada.page.locator('main button[value=save]').click();
  await until(ada.page, `document.querySelector('main .error, #notice .notice') !== null`);
  assert.doesNotMatch((await home.em.fork().findOneOrFail(Model, modelId)).name, NAME);
  await ada.page.locator('main [name=name]').fill('Soft barns');
  await ada.page.locator('main button[value=save]').click();
  await ada.page.waitForLoadState('load');
  await settleAll(...peers);
  assert.equal((await home.em.fork().findOneOrFail(Model, modelId)).name, 'Soft barns');

  // on the other node
  const copy = await away.em.fork().findOneOrFail(Model, copyId);
  const versions = await away.em.fork().find(ModelVersion, { model: copyId });
  const files = await away.em.fork().find(ModelFile, { version: { $in: versions.map(({ id }) => id) } });
  assert.doesNotMatch(JSON.stringify([copy, versions, files]), NAME);
  const there = await browser.open();
  await there.page.goto(`${away.origin}/models/${copyId}`);
  assert.doesNotMatch(await there.page.content(), NAME);
  assert.match((await there.page.locator('h1').first().textContent()) ?? '', /Soft barns/);
  await there.page.goto(`${away.origin}/search?q=${encodeURIComponent('Jane Doe')}`);
  assert.equal(await there.page.locator(`a[href^="/models/${copyId}"]`).count(), 0);

  // the parties read why
  await openClaim(jane.page, filed);
  await jane.page.getByText('Both sides agreed.').waitFor();
  await ada.page.goto(`${home.origin}/cases/${filed.number}`);
  await ada.page.getByText('Both sides agreed.').waitFor();

  for (const window of [jane, mod, there]) assert.deepEqual(window.problems(), []);
  for (const peer of peers) {
    const { isWhole } = await verifyAudit(peer.em.fork());
    assert.ok(isWhole);
    assert.equal(await peer.em.fork().count(Job, { state: 'failed' }), 0);
  }
});
