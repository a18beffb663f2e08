import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { PromptRecord, PromptRuleSet } from '../../src/safety/prompts/model.ts';
import { activateRuleSet, addRuleSet, shadowRuleSet } from '../../src/safety/prompts/rule-sets.ts';
import { eraseTextsJob } from '../../src/safety/screening.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

const rules = (version: string, action = 'deny') => ({
  version,
  lists: { fruit: { en: 'banana, mango' } },
  rules: [{ id: 'no-fruit', category: 'other', severity: 'soft', action: 'deny', when: [{ lists: ['fruit'] }] }],
  tests: [{ texts: [{ scope: 'positive', text: 'a ban&#97;na' }], action }],
});

const ask = (text: string) => ({
  purpose: 'generation' as const,
  texts: [{ scope: 'positive' as const, text, field: 'prompt' }],
  facts: { level: 1, flags: [] },
});

test('rules of the node go from draft to shadow to active, and only with tests that pass', async (t) => {
  const { node, em, workAs } = await testNode(t);
  const { screening } = node;
  const ada = await givenMember(em, 'ada');
  const work = workAs(null);
  await assert.rejects(addRuleSet(work, { ...rules('x'), tests: [] }), { kind: 'invalid' });
  await assert.rejects(addRuleSet(work, { ...rules('x'), rules: [{ run: 'code' }] }), { kind: 'invalid' });
  await addRuleSet(work, rules('wrong', 'allow'));
  await assert.rejects(shadowRuleSet(work, screening.screen, 'wrong'), {
    kind: 'invalid',
    message: /test 1 is deny, not allow/,
  });

  await addRuleSet(work, rules('fruit-1'));
  await assert.rejects(addRuleSet(work, rules('fruit-1')), { kind: 'conflict' });
  await assert.rejects(activateRuleSet(work, screening.screen, 'fruit-1'), { kind: 'conflict' });
  await shadowRuleSet(work, screening.screen, 'fruit-1');
  screening.forget();
  const asked = await screening.assert(workAs(ada), viewerOf(ada), ask('a banana'));
  assert.equal(asked.action, 'allow', 'in the shadow it decides nothing');
  const [record] = await em.find(PromptRecord, {});
  assert.deepEqual([record?.action, record?.shadowAction, record?.text ?? null], ['allow', 'deny', null]);

  await activateRuleSet(work, screening.screen, 'fruit-1');
  screening.forget();
  await assert.rejects(screening.assert(workAs(ada), viewerOf(ada), ask('m.a.n.g.o')), { kind: 'invalid' });
  await addRuleSet(work, rules('fruit-2'));
  await shadowRuleSet(work, screening.screen, 'fruit-2');
  await activateRuleSet(work, screening.screen, 'fruit-2');
  const states = await em.fork().find(PromptRuleSet, {}, { orderBy: { version: 1 } });
  assert.deepEqual(
    states.map(({ version, state }) => `${version} ${state}`),
    ['fruit-1 retired', 'fruit-2 active', 'wrong draft'],
  );
});

test('the words of a hard refusal are kept for thirty days, and the keyed hash stays', async (t) => {
  const { node, em, workAs, clock, start, settle } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  await assert.rejects(node.screening.assert(workAs(ada), viewerOf(ada), ask('nude loli')), { kind: 'invalid' });
  await start('worker');
  clock.pass(29 * 86_400_000);
  await settle();
  assert.match((await em.fork().findOneOrFail(PromptRecord, { account: ada.id })).text ?? '', /loli/);
  clock.pass(2 * 86_400_000);
  await settle();
  const record = await em.fork().findOneOrFail(PromptRecord, { account: ada.id });
  assert.deepEqual([record.text ?? null, record.textHash.length], [null, 64]);
  assert.equal(eraseTextsJob.lane, 'clock');
});
