import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { PromptRuleSet } from '../../src/safety/prompts/model.ts';
import { guardSettings } from '../../src/safety/settings.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

const HOME = '/moderation/prompt-rules';
const rules = (version: string, action = 'deny') =>
  JSON.stringify({
    version,
    lists: { fruit: { en: 'banana, mango' } },
    rules: [{ id: 'no-fruit', category: 'fruit', severity: 'soft', action: 'deny', when: [{ lists: ['fruit'] }] }],
    tests: [{ texts: [{ scope: 'positive', text: 'a banana' }], action }],
  });

async function staffed(t: TestContext) {
  const all = await testNode(t);
  const address = await all.start('web');
  const signedIn = async (name: string, role: 'member' | 'moderator' | 'admin') => {
    const account = await givenMember(all.em, name, { role });
    const browser = new Browser(address);
    await browser.signIn(name);
    return { account, browser };
  };
  return { ...all, signedIn, visitor: new Browser(address) };
}

test('rules for words are kept, tried, counted, activated, given up and taken up again on their page', async (t) => {
  const { em, node, workAs, signedIn } = await staffed(t);
  const { browser } = await signedIn('root', 'admin');
  const { account: ada } = await signedIn('ada', 'member');
  const empty = textOf((await browser.get(HOME)).text);
  assert.match(empty, /default-2/);
  assert.match(empty, /Nothing but words that are allowed/);
  const begun = await browser.get(`${HOME}?from=default-2`);
  assert.match(begun.text, /&quot;version&quot;: &quot;default-2&quot;/);

  assert.equal(
    (await browser.post(HOME, { rules: rules('fruit-1') })).location,
    `${HOME}?said=prompt-rules-added#fruit-1`,
  );
  const { id } = await em.fork().findOneOrFail(PromptRuleSet, { version: 'fruit-1' });
  const early = await browser.post(`${HOME}/${id}/activation`);
  assert.equal(early.status, 409);
  assert.match(textOf(early.text), /in the shadow before they hold/);
  assert.equal((await browser.post(`${HOME}/${id}/shadow`)).location, `${HOME}?said=prompt-rules-shadow`);
  const quiet = textOf((await browser.get(HOME)).text);
  assert.match(quiet, /What fruit-1 would have said/);
  assert.match(quiet, /No difference so far/);
  const say = (text: string) =>
    node.screening.assert(workAs(ada), viewerOf(ada), {
      ...{ purpose: 'generation', facts: { level: 1, flags: [] } },
      texts: [{ scope: 'positive', text }],
    });
  for (const text of ['a banana', 'a mango', 'a cherry']) await say(text);
  assert.match(textOf((await browser.get(HOME)).text), /allowed denied 2/);

  assert.equal((await browser.post(`${HOME}/${id}/activation`)).status, 302);
  await assert.rejects(say('a banana'), { kind: 'invalid' });
  assert.match(textOf((await browser.get(HOME)).text), /hard rules hold[\s\S]*denied fruit 1/);
  const inUse = await browser.post(`${HOME}/${id}/removal`);
  assert.equal(inUse.status, 409);
  assert.match(textOf(inUse.text), /Retire them first/);
  assert.equal((await browser.post(`${HOME}/${id}/retirement`)).status, 302);
  await say('a banana');
  assert.match(textOf((await browser.get(HOME)).text), /Activate again/);
  assert.equal((await browser.post(`${HOME}/${id}/activation`)).status, 302);
  await assert.rejects(say('a banana'), { kind: 'invalid' });
  assert.equal(await em.fork().count(AuditEntry, { subjectKind: 'prompt-rules' }), 5);
});

test('what does not fit is said with its place, and what was typed stands there again', async (t) => {
  const { em, signedIn } = await staffed(t);
  const { browser } = await signedIn('root', 'admin');
  const broken = await browser.post(HOME, { rules: '{"version": "x",' });
  assert.equal(broken.status, 422);
  assert.match(textOf(broken.text), /This is not JSON/);
  assert.match(broken.text, /\{&quot;version&quot;: &quot;x&quot;,<\/textarea>/);
  const misfit = await browser.post(HOME, { rules: JSON.stringify({ version: 'x', rules: [], tests: [] }) });
  assert.match(textOf(misfit.text), /The rules do not fit: lists/);
  const pattern = { ...JSON.parse(rules('x')), patterns: { offers: ['a**'] } };
  const refused = await browser.post(HOME, { rules: JSON.stringify(pattern) });
  assert.match(textOf(refused.text), /Expression 1 of “offers”: invalid nested repetition operator at character 2/);
  assert.equal(await em.count(PromptRuleSet), 0);

  await browser.post(HOME, { rules: rules('wrong', 'allow') });
  const { id } = await em.fork().findOneOrFail(PromptRuleSet, { version: 'wrong' });
  const failed = await browser.post(`${HOME}/${id}/shadow`);
  assert.equal(failed.status, 422);
  assert.match(textOf(failed.text), /test 1 is deny, not allow/);
  assert.equal((await browser.post(`${HOME}/${id}/removal`)).location, `${HOME}?said=prompt-rules-removed`);
});

test('how careful the node is stands on a page of its own, with bounds, and each change is on record', async (t) => {
  const { em, node, signedIn } = await staffed(t);
  const { browser } = await signedIn('root', 'admin');
  const form = { refusalsBeforeFreeze: '5', newAccountDays: '0', photoPercent: '40', sampleReviewRisk: '20' };
  assert.match((await browser.get('/admin/guard')).text, /name="refusalsBeforeFreeze"[^>]*value="3"/);
  const refused = await browser.post('/admin/guard', { ...form, photoPercent: '140' });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /A whole number from 0 to 100/);
  assert.match(refused.text, /value="140"/);
  assert.equal((await browser.post('/admin/guard', form)).location, '/admin/guard?said=guard');
  const kept = await node.settings.read(em.fork(), guardSettings);
  assert.deepEqual(Object.values(kept), [5, 0, 40, 20]);
  const [entry] = await em.fork().find(AuditEntry, { subjectId: guardSettings.name });
  assert.equal(entry?.action, 'setting.change');
});

test('neither page is for members or moderators, nor for visitors', async (t) => {
  const { signedIn, visitor } = await staffed(t);
  const { browser: mia } = await signedIn('mia', 'moderator');
  const { browser: ada } = await signedIn('ada', 'member');
  for (const url of [HOME, '/admin/guard']) {
    for (const who of [mia, ada]) assert.ok((await who.get(url)).status >= 403, url);
    assert.ok([302, 401, 403, 404].includes((await visitor.get(url)).status), url);
    assert.ok((await mia.post(url, { rules: rules('x') })).status >= 403, url);
  }
});
