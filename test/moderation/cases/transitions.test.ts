import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASE_STATES, type CaseState } from '../../../src/moderation/cases/model/case.ts';
import { type CaseFacts, stepOf, TRIGGERS, type Trigger } from '../../../src/moderation/cases/transitions/table.ts';
import { CLAIM_TYPES, CLAIMS } from '../../../src/moderation/cases/types/types.ts';
import { NOW } from '../../factories/content.ts';

const LATER = new Date(NOW.getTime() + 86_400_000);
const facts = (given: Partial<CaseFacts> = {}): CaseFacts => ({
  ...{ state: 'open', type: 'copyright', hasTarget: true, isComplete: true, isBehindBreaker: false, isLicensed: false },
  ...{ isExecuted: false, appealUntil: LATER, notBefore: NOW },
  ...given,
});
const leadsTo = (given: Omit<CaseFacts, 'state'> & { state: CaseState | null }, trigger: Trigger) => {
  const step = stepOf(given, trigger, NOW);
  return 'transition' in step ? step.transition.to : null;
};

/** The table of spec/takedowns.md 2.3, written once more by hand: the claim type is one for which the guard holds. */
const EXPECTED: Record<string, readonly (readonly [Trigger, CaseState])[]> = {
  new: [
    ['submit', 'received'],
    ['scan', 'received'],
    ['flag', 'received'],
  ],
  received: [
    ['verify', 'open'],
    ['vouch', 'open'],
    ['expire', 'expired'],
    ['withdraw', 'withdrawn'],
  ],
  open: [
    ['merge', 'merged'],
    ['duplicate', 'merged'],
    ['ask', 'needs_info'],
    ['reject', 'rejected'],
    ['notify', 'notified'],
    ['decide', 'decided'],
    ['run-out', 'decided'],
    ['withdraw', 'withdrawn'],
  ],
  needs_info: [
    ['answer', 'open'],
    ['lapse', 'lapsed'],
    ['decide', 'decided'],
    ['run-out', 'decided'],
    ['withdraw', 'withdrawn'],
  ],
  notified: [
    ['agree', 'decided'],
    ['end-window', 'review'],
    ['refuse', 'review'],
    ['escalate', 'review'],
    ['withdraw', 'withdrawn'],
  ],
  review: [
    ['decide', 'decided'],
    ['run-out', 'decided'],
    ['withdraw', 'withdrawn'],
  ],
  decided: [
    ['finish', 'executed'],
    ['withdraw', 'withdrawn'],
  ],
  executed: [
    ['counter', 'counter_wait'],
    ['counter-lack', 'needs_info'],
    ['appeal', 'appealed'],
    ['settle', 'closed'],
    ['withdraw', 'withdrawn'],
  ],
  counter_wait: [
    ['court', 'court_hold'],
    ['restore', 'reinstated'],
    ['withdraw', 'withdrawn'],
  ],
  court_hold: [['withdraw', 'withdrawn']],
  appealed: [
    ['uphold', 'closed'],
    ['overturn', 'decided'],
    ['withdraw', 'withdrawn'],
  ],
  rejected: [['appeal', 'appealed']],
  closed: [['appeal', 'appealed']],
};

for (const state of [null, ...CASE_STATES]) {
  test(`a complete copyright case that is ${state ?? 'not there yet'} goes where the table says and nowhere else`, () => {
    const found = TRIGGERS.flatMap((trigger) => {
      const to = leadsTo({ ...facts(), state }, trigger);
      return to ? [[trigger, to] as const] : [];
    });
    const expected = EXPECTED[state ?? 'new'] ?? [];
    assert.deepEqual(new Map(found), new Map(expected));
  });
}

test('a copyright case that was carried out and waits for the rest of a counter-notice goes on from there alone', () => {
  const found = TRIGGERS.flatMap((trigger) => {
    const to = leadsTo(facts({ state: 'needs_info', isExecuted: true }), trigger);
    return to ? [[trigger, to] as const] : [];
  });
  assert.deepEqual(
    new Map(found),
    new Map([
      ['counter', 'counter_wait'],
      ['counter-lack', 'needs_info'],
      ['counter-lapse', 'executed'],
      ['withdraw', 'withdrawn'],
    ]),
  );
});

const GUARDS: readonly (readonly [string, Partial<CaseFacts>, Trigger, CaseState | null])[] = [
  ['a severe case opens without a letter', { state: 'received', type: 'ncii' }, 'triage', 'open'],
  ['a usual case waits for its letter', { state: 'received', type: 'style' }, 'triage', null],
  ['a severe case does not expire', { state: 'received', type: 'minor' }, 'expire', null],
  ['a severe case does not lapse', { state: 'needs_info', type: 'ncii' }, 'lapse', null],
  ['the uploader of a severe case is not asked', { type: 'ncii' }, 'notify', null],
  ['an incomplete notice is not decided before the uploader was asked', { isComplete: false }, 'decide', null],
  ['a claim of style is not decided before the uploader was asked', { type: 'style' }, 'decide', null],
  ['a severe case is decided from the start', { type: 'minor' }, 'decide', 'decided'],
  ['no timer decides about a child', { type: 'minor' }, 'run-out', null],
  ['no timer decides about a trademark', { state: 'review', type: 'trademark' }, 'run-out', null],
  ['behind the breaker no timer decides', { type: 'ncii', isBehindBreaker: true }, 'run-out', null],
  ['a counter-notice answers copyright alone', { state: 'executed', type: 'style' }, 'counter', null],
  ['an unfinished one answers copyright alone', { state: 'executed', type: 'style' }, 'counter-lack', null],
  ['nothing comes back before the tenth day', { state: 'counter_wait', notBefore: LATER }, 'restore', null],
  ['an appeal has its time', { state: 'closed', appealUntil: new Date(NOW.getTime() - 1) }, 'appeal', null],
  ['a report of a child is not taken back', { type: 'minor' }, 'withdraw', null],
  ['nothing is decided about a thing that is not there', { type: 'ncii', hasTarget: false }, 'decide', null],
];
for (const [sentence, given, trigger, expected] of GUARDS) {
  test(sentence, () => assert.equal(leadsTo(facts(given), trigger), expected));
}

test('from an end nothing leads on but an appeal, whatever the type', () => {
  for (const type of CLAIM_TYPES) {
    for (const state of ['expired', 'lapsed', 'withdrawn', 'merged', 'reinstated'] as const) {
      for (const trigger of TRIGGERS)
        assert.equal(leadsTo(facts({ state, type }), trigger), null, `${state} ${trigger}`);
    }
  }
});

test('every type has a window unless it is severe, and every timer that decides tightens', () => {
  for (const type of CLAIM_TYPES) {
    const { isSevere, windowMs, runOut } = CLAIMS[type];
    assert.equal(windowMs === 0, isSevere, type);
    assert.ok(runOut === null || ['remove', 'limit', 'de_attribute'].includes(runOut.outcome), type);
  }
});
