import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { addRuleSet, removeRuleSet, setRuleSetState } from '../../src/moderation/prompts/edit.ts';
import { PromptRecord, PromptRuleSet } from '../../src/safety/prompts/model.ts';
import { DEFAULT_RULES } from '../../src/safety/prompts/rules/default.ts';
import { RuleSet } from '../../src/safety/prompts/rules/schema.ts';
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

test('rules of the node go from draft to shadow to active and back, only with tests that pass, and on record', async (t) => {
  const { node, em, workAs } = await testNode(t);
  const { screening } = node;
  const ada = await givenMember(em, 'ada');
  const root = await givenMember(em, 'root', { role: 'admin' });
  const add = (set: unknown) => addRuleSet(workAs(root), screening, set);
  const move = (id: string, next: 'shadow' | 'active' | 'retired') =>
    setRuleSetState(workAs(root), screening, id, next);
  await assert.rejects(addRuleSet(workAs(ada), screening, rules('x')), { kind: 'forbidden' });
  await assert.rejects(add({ ...rules('x'), tests: [] }), { kind: 'invalid' });
  await assert.rejects(add({ ...rules('x'), rules: [{ run: 'code' }] }), { kind: 'invalid' });
  await assert.rejects(add({ ...rules('x'), lists: { plums: { en: 'plum' } } }), { message: /names the list fruit/ });
  const wrong = await add(rules('wrong', 'allow'));
  await assert.rejects(move(wrong.id, 'shadow'), { kind: 'invalid', message: /test 1 is deny, not allow/ });

  const first = await add(rules('fruit-1'));
  await assert.rejects(add(rules('fruit-1')), { kind: 'conflict' });
  await assert.rejects(move(first.id, 'active'), { kind: 'conflict' });
  await assert.rejects(setRuleSetState(workAs(ada), screening, first.id, 'shadow'), { kind: 'forbidden' });
  await move(first.id, 'shadow');
  const asked = await screening.assert(workAs(ada), viewerOf(ada), ask('a banana'));
  assert.equal(asked.action, 'allow', 'in the shadow it decides nothing');
  const [record] = await em.find(PromptRecord, {});
  assert.deepEqual([record?.action, record?.shadowAction, record?.text ?? null], ['allow', 'deny', null]);

  await move(first.id, 'active');
  await assert.rejects(screening.assert(workAs(ada), viewerOf(ada), ask('m.a.n.g.o')), { kind: 'invalid' });
  await assert.rejects(
    screening.assert(workAs(ada), viewerOf(ada), ask('nude loli')),
    { kind: 'invalid', message: /safety of children/ },
    'the hard rules of the program hold beside them',
  );
  const second = await add({ ...rules('fruit-2'), lists: { fruit: { en: 'banana, cherry' } } });
  await move(second.id, 'shadow');
  await move(second.id, 'active');
  await assert.rejects(screening.assert(workAs(ada), viewerOf(ada), ask('a cherry')), { kind: 'invalid' });
  const states = async () =>
    (await em.fork().find(PromptRuleSet, {}, { orderBy: { version: 1 } })).map((one) => `${one.version} ${one.state}`);
  assert.deepEqual(await states(), ['fruit-1 retired', 'fruit-2 active', 'wrong draft']);
  // back to what held before, at once
  await move(first.id, 'active');
  assert.deepEqual(await states(), ['fruit-1 active', 'fruit-2 retired', 'wrong draft']);
  assert.equal((await screening.assert(workAs(ada), viewerOf(ada), ask('a cherry'))).action, 'allow');
  await assert.rejects(removeRuleSet(workAs(root), first.id), { kind: 'conflict' });
  await removeRuleSet(workAs(root), wrong.id);
  await move(first.id, 'retired');
  assert.equal((await screening.assert(workAs(ada), viewerOf(ada), ask('a mango'))).action, 'allow');
  const acts = await em.fork().find(AuditEntry, { subjectKind: 'prompt-rules' }, { orderBy: { seq: 1 } });
  assert.deepEqual(
    acts.map(({ action }) => action.replace('prompt-rules.', '')),
    [...['add', 'add', 'shadow', 'activate', 'add', 'shadow', 'activate', 'activate'], 'remove', 'retire'],
  );
});

test('expressions of a node match in any case of letters, and count for the list of their name', async (t) => {
  const { node, em, workAs } = await testNode(t);
  const root = await givenMember(em, 'root', { role: 'admin' });
  const ada = await givenMember(em, 'ada');
  const set = await addRuleSet(workAs(root), node.screening, {
    ...rules('offers-1'),
    patterns: { offers: ['t\\.me/[a-z0-9_]+', '\\bfree\\s+(?:gift|card)s?\\b'] },
    rules: [
      { ...{ id: 'no-offers', category: 'offers', severity: 'soft', action: 'deny' }, when: [{ lists: ['offers'] }] },
    ],
    tests: [
      { texts: [{ scope: 'positive', text: 'write to T.me/seller_1' }], action: 'deny' },
      { texts: [{ scope: 'title', text: 'Free   GIFTS' }], action: 'deny' },
      { texts: [{ scope: 'positive', text: 'a gift, free of charge' }], action: 'allow' },
    ],
  });
  await setRuleSetState(workAs(root), node.screening, set.id, 'shadow');
  await setRuleSetState(workAs(root), node.screening, set.id, 'active');
  await assert.rejects(node.screening.assert(workAs(ada), viewerOf(ada), ask('free card')), {
    message: /Refused by the rules of this node/,
  });
});

test('an expression that cannot be is refused with its place, and so is one that is too large', async (t) => {
  const { node, em, workAs } = await testNode(t);
  const root = await givenMember(em, 'root', { role: 'admin' });
  const add = (...offers: string[]) =>
    addRuleSet(workAs(root), node.screening, { ...rules('bad'), patterns: { offers } });
  await assert.rejects(add('fine', 'ab[z-a]c'), {
    kind: 'invalid',
    message: /Expression 2 of “offers”: invalid character class range at character 4: z-a/,
  });
  await assert.rejects(add('(abc'), { message: /Expression 1 of “offers”: missing closing \)/ });
  // what would need to go back: look-arounds and references
  await assert.rejects(add('(?=x)y'), { message: /Perl syntax at character 1/ });
  await assert.rejects(add('(a)\\1'), { message: /invalid escape sequence/ });
  await assert.rejects(add('(?:[a-z]{20} ?){30}'), { message: /too large/ });
  await assert.rejects(add('x*'), { message: /matches a text without words/ });
  await assert.rejects(add('x'.repeat(201)), { message: /at most 200 characters/ });
  await assert.rejects(add(...Array.from({ length: 41 }, (_, n) => `word${n}`)), { kind: 'invalid' });
  const many = Array.from({ length: 40 }, () => '(?:[a-z]+ ?){1,25}z');
  await assert.rejects(add(...many), { message: /all of them together/ });
  assert.equal(await em.count(PromptRuleSet), 0);
});

test('expressions that would run without end elsewhere take a moment here, and the node goes on meanwhile', async (t) => {
  const { node } = await testNode(t);
  const { screen } = node.screening;
  const set = RuleSet.parse({
    ...rules('evil'),
    patterns: { evil: ['(a+)+$', '(x+x+)+y', '^(([a-z])+.)+[0-9]([a-z])+$', '(?:a|aa)+c'] },
    rules: [{ ...{ id: 'e', category: 'other', severity: 'soft', action: 'deny' }, when: [{ lists: ['evil'] }] }],
  });
  let turns = 0;
  const beat = setInterval(() => {
    turns += 1;
  }, 1);
  const texts = [`${'a'.repeat(3_900)}1`, 'x'.repeat(3_900), `${'a'.repeat(3_900)}b`].map((text) => ({
    ...{ scope: 'positive' as const, text },
  }));
  // each of these takes a backtracking engine longer than there is time
  const verdict = await screen.judge(texts, { level: 1, flags: [] }, set);
  clearInterval(beat);
  assert.equal(verdict.action, 'allow');
  assert.ok(turns > 3, 'the event loop went on');
});

test('the rules of the program can be kept as they are shown, to begin from', async (t) => {
  const { node, em, workAs } = await testNode(t);
  const root = await givenMember(em, 'root', { role: 'admin' });
  const copy = JSON.parse(JSON.stringify({ ...DEFAULT_RULES, version: 'mine-1' }));
  const { id } = await addRuleSet(workAs(root), node.screening, copy);
  await setRuleSetState(workAs(root), node.screening, id, 'shadow');
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
