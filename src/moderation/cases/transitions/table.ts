import type { CaseState } from '../model/case.ts';
import { CLAIMS, type ClaimType } from '../types/types.ts';

export const TRIGGERS = [
  ...(['submit', 'scan', 'flag', 'verify', 'triage', 'vouch', 'expire', 'merge', 'duplicate'] as const),
  ...(['ask', 'answer', 'lapse', 'reject', 'notify', 'decide', 'run-out', 'agree', 'end-window'] as const),
  ...(['refuse', 'escalate', 'finish', 'counter', 'counter-lack', 'counter-lapse', 'court', 'restore'] as const),
  ...(['appeal', 'uphold', 'overturn', 'withdraw', 'settle', 'license'] as const),
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** What a guard may look at. */
export interface CaseFacts {
  readonly state: CaseState;
  readonly type: ClaimType;
  readonly hasTarget: boolean;
  readonly isComplete: boolean;
  readonly isBehindBreaker: boolean;
  /** Its outcome was carried out: what is asked for now is the rest of a counter-notice. */
  readonly isExecuted: boolean;
  /** A licence of the claimant is cited, which nobody has turned down. */
  readonly isLicensed: boolean;
  readonly appealUntil: Date | null;
  /** The day from which a counter-notice puts the thing back. */
  readonly notBefore: Date | null;
}

interface Transition {
  /** The line of the table in spec/takedowns.md 2.3. */
  readonly row: number;
  readonly from: readonly CaseState[] | null;
  readonly to: CaseState;
  readonly triggers: readonly Trigger[];
  /** What must hold; the answer is why not, or null. */
  readonly guard?: (kase: CaseFacts, now: Date) => string | null;
}

const severe = ({ type }: CaseFacts): boolean => CLAIMS[type].isSevere;
const unless = (forbidden: boolean, why: string): string | null => (forbidden ? why : null);
/** What belongs to the time before the decision, in a state that a case also has after it. */
const undecided = ({ isExecuted }: CaseFacts) =>
  unless(isExecuted, 'This case is decided: what is missing is of the counter-notice.');
const counters = ({ type }: CaseFacts) => unless(type !== 'copyright', 'A counter-notice answers a copyright notice.');
const afterwards = (kase: CaseFacts) =>
  counters(kase) ?? unless(kase.state === 'needs_info' && !kase.isExecuted, 'Nothing was decided yet.');
const withTarget = ({ hasTarget }: CaseFacts) => unless(!hasTarget, 'Point the case to a thing of this node first.');

/** Severe cases and complete copyright notices are decided without waiting for the uploader. */
const skipsWindow = (kase: CaseFacts) =>
  undecided(kase) ??
  withTarget(kase) ??
  unless(
    !severe(kase) && !(kase.type === 'copyright' && kase.isComplete),
    'The uploader is asked first: tell them, or reject the case.',
  );

/** The timer decides where the claim type says what happens then; behind the breaker it does not. */
const mayRunOut = (kase: CaseFacts) =>
  undecided(kase) ??
  withTarget(kase) ??
  unless(CLAIMS[kase.type].runOut === null || kase.isBehindBreaker || kase.isLicensed, 'No timer decides this case.');

/** Who claims has licensed it: never what is severe, and only a person says so. */
const covered = (kase: CaseFacts) =>
  unless(severe(kase), 'No licence answers a claim of this kind.') ??
  withTarget(kase) ??
  unless(!kase.isLicensed, 'No licence is cited in this case.');

/** Everything that can happen to a case (spec/takedowns.md 2.3). Whatever is not in this list does not happen. */
const TRANSITIONS: readonly Transition[] = [
  { row: 1, from: null, to: 'received', triggers: ['submit', 'scan', 'flag'] },
  { row: 2, from: ['received'], to: 'open', triggers: ['verify', 'vouch'] },
  {
    ...{ row: 2, from: ['received'], to: 'open', triggers: ['triage'] },
    guard: (kase) => unless(!severe(kase), 'It waits until the address is confirmed.'),
  },
  {
    ...{ row: 3, from: ['received'], to: 'expired', triggers: ['expire'] },
    guard: (kase) => unless(severe(kase), 'A severe case does not expire.'),
  },
  { row: 4, from: ['open'], to: 'merged', triggers: ['merge', 'duplicate'] },
  { row: 5, from: ['open'], to: 'needs_info', triggers: ['ask'] },
  { row: 5, from: ['needs_info'], to: 'open', triggers: ['answer'], guard: undecided },
  {
    ...{ row: 5, from: ['needs_info'], to: 'lapsed', triggers: ['lapse'] },
    guard: (kase) => undecided(kase) ?? unless(severe(kase), 'A severe case does not lapse.'),
  },
  { row: 6, from: ['open'], to: 'rejected', triggers: ['reject'] },
  {
    ...{ row: 7, from: ['open'], to: 'notified', triggers: ['notify'] },
    guard: (kase) => withTarget(kase) ?? unless(severe(kase), 'The uploader of a severe case hears of it at the end.'),
  },
  { row: 8, from: ['open', 'needs_info'], to: 'decided', triggers: ['decide'], guard: skipsWindow },
  { row: 8, from: ['open', 'needs_info', 'review'], to: 'decided', triggers: ['run-out'], guard: mayRunOut },
  { row: 9, from: ['notified'], to: 'decided', triggers: ['agree'], guard: withTarget },
  { row: 10, from: ['notified'], to: 'review', triggers: ['end-window', 'refuse', 'escalate'] },
  { row: 11, from: ['review'], to: 'decided', triggers: ['decide'], guard: withTarget },
  { row: 12, from: ['decided'], to: 'executed', triggers: ['finish'] },
  { row: 13, from: ['executed', 'needs_info'], to: 'counter_wait', triggers: ['counter'], guard: afterwards },
  // one that lacks an element is kept and asked for it, as an incomplete notice is
  { row: 13, from: ['executed', 'needs_info'], to: 'needs_info', triggers: ['counter-lack'], guard: afterwards },
  {
    ...{ row: 13, from: ['needs_info'], to: 'executed', triggers: ['counter-lapse'] },
    guard: (kase) => unless(!kase.isExecuted, 'Nothing was decided yet.'),
  },
  { row: 14, from: ['counter_wait'], to: 'court_hold', triggers: ['court'] },
  {
    ...{ row: 15, from: ['counter_wait'], to: 'reinstated', triggers: ['restore'] },
    guard: ({ notBefore }, now) => unless(!notBefore || now < notBefore, 'The waiting period is not over.'),
  },
  {
    row: 15,
    from: [
      ...(['open', 'needs_info', 'notified', 'review', 'executed'] as const),
      ...(['counter_wait', 'court_hold', 'closed'] as const),
    ],
    to: 'reinstated',
    triggers: ['license'],
    guard: covered,
  },
  {
    ...{ row: 16, from: ['executed', 'rejected', 'closed'], to: 'appealed', triggers: ['appeal'] },
    guard: ({ appealUntil }, now) => unless(!appealUntil || now > appealUntil, 'The time for an appeal is over.'),
  },
  { row: 16, from: ['appealed'], to: 'closed', triggers: ['uphold'] },
  { row: 16, from: ['appealed'], to: 'decided', triggers: ['overturn'], guard: withTarget },
  {
    row: 17,
    from: [
      ...(['received', 'open', 'needs_info', 'notified', 'review', 'decided', 'executed'] as const),
      ...(['counter_wait', 'court_hold', 'appealed'] as const),
    ],
    to: 'withdrawn',
    triggers: ['withdraw'],
    guard: ({ type }) => unless(type === 'minor', 'A report of a child is looked at in any case.'),
  },
  { row: 18, from: ['executed'], to: 'closed', triggers: ['settle'] },
];

export type Step = { readonly transition: Transition } | { readonly refusal: string };

/** Where a trigger leads from here, or why it leads nowhere. */
export function stepOf(
  kase: Omit<CaseFacts, 'state'> & { readonly state: CaseState | null },
  trigger: Trigger,
  now: Date,
): Step {
  const transition = TRANSITIONS.find(
    ({ from, triggers }) =>
      triggers.includes(trigger) && (kase.state === null ? from === null : (from?.includes(kase.state) ?? false)),
  );
  if (!transition) return { refusal: 'This cannot be done with the case as it stands.' };
  const refusal = kase.state === null ? null : (transition.guard?.({ ...kase, state: kase.state }, now) ?? null);
  return refusal === null ? { transition } : { refusal };
}
