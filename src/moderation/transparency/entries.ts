import type { EntityManager } from '@mikro-orm/core';
import { keyedHash } from '../../accounts/access/secrets.ts';
import { type DecidedCase, findAppeals } from './found.ts';
import { type PublicRules, publicRule } from './rules.ts';

/** How far other nodes are with what this one took down; handed down, for federation is above. */
export interface Compliance {
  /** Of all notices that are not about severe cases, by state. */
  readonly total: (em: EntityManager) => Promise<Readonly<Record<string, number>>>;
  /** The same for single takedowns. */
  readonly of: (
    em: EntityManager,
    takedownIds: readonly string[],
  ) => Promise<ReadonlyMap<string, Readonly<Record<string, number>>>>;
}

/** One case as everybody may read of it (spec/takedowns.md 2.12): no party, no address, no words of anybody. */
export interface PublicEntry {
  /** Random to whoever does not hold the secret of the node; not the number that the parties know. */
  readonly id: string;
  readonly type: string;
  readonly receivedOn: string;
  readonly decidedOn: string;
  readonly rule: string;
  readonly outcome: string;
  /** Kind of thing. */
  readonly kind: string;
  readonly isAutomated: boolean;
  readonly appeal: 'upheld' | 'overturned' | null;
  /** Only where the thing stays in view: renamed, under another licence, or back. */
  readonly link: string | null;
  readonly instances: { readonly notified: number; readonly confirmed: number; readonly overdue: number } | null;
}

const WITH_LINK: readonly string[] = ['de_attribute', 'licence', 'undo'];
const day = (at: Date): string => at.toISOString().slice(0, 10);

/** Entries of cases that were decided and are about neither children nor intimate pictures: `loadFigures` has left those out. */
export async function entriesOf(
  em: EntityManager,
  secretKey: string,
  cases: readonly DecidedCase[],
  rules: PublicRules,
  compliance: Compliance | null,
): Promise<PublicEntry[]> {
  const appeals = await findAppeals(
    em,
    cases.map(({ id }) => id),
  );
  const takedownIds = cases.flatMap(({ takedownId }) => takedownId ?? []);
  const peers = compliance ? await compliance.of(em, takedownIds) : new Map<string, Record<string, number>>();
  return cases.map((kase) => ({
    id: keyedHash(secretKey, 'public case', kase.id).slice(0, 20),
    type: kase.type,
    receivedOn: day(kase.submittedAt),
    decidedOn: day(kase.decidedAt ?? kase.submittedAt),
    rule: publicRule(rules, kase.rule),
    outcome: kase.state === 'reinstated' ? 'undo' : (kase.outcome ?? 'rejected'),
    kind: kase.targetKind ?? 'nothing',
    isAutomated: kase.outcome !== null && kase.isAutomated,
    appeal: (appeals.get(kase.id) as PublicEntry['appeal'] | undefined) ?? null,
    link: linkOf(kase),
    instances: instancesOf(peers.get(kase.takedownId ?? '')),
  }));
}

function linkOf({ outcome, state, targetKind, targetId }: DecidedCase): string | null {
  if (targetKind === null || targetId === null || targetKind === 'account') return null;
  const isShown = state === 'reinstated' || WITH_LINK.includes(outcome ?? '');
  return isShown ? `/${targetKind}s/${targetId}` : null;
}

function instancesOf(states: Readonly<Record<string, number>> | undefined): PublicEntry['instances'] {
  if (!states) return null;
  const of = (name: string) => states[name] ?? 0;
  const notified = Object.values(states).reduce((sum, count) => sum + count, 0);
  return notified === 0
    ? null
    : { notified, confirmed: of('acknowledged') + of('verified'), overdue: of('overdue') + of('refused') };
}
