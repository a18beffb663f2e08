import { audited } from '../../../kit/audit/append.ts';
import { inList, rows } from '../../../kit/database/sql.ts';
import type { Work } from '../../../kit/work.ts';
import { type PolicyTarget, type PolicyTargetKind, QUARANTINE, RESTRICTION } from '../../../safety/policy.ts';
import { restrict } from '../../../safety/restrict.ts';
import { defineTakedownStep, done, type TakedownOrder } from '../step.ts';

/** A tombstone: 410 for everybody. */
const REMOVED =
  RESTRICTION.removed |
  QUARANTINE |
  RESTRICTION.download |
  RESTRICTION.generate |
  RESTRICTION.train |
  RESTRICTION.federate |
  RESTRICTION.mirror;

export const sourceOf = (takedownId: string): string => `decision:${takedownId}`;
/** Of what was made from the target, until a person looked. */
export const derivedSourceOf = (takedownId: string): string => `derived:${takedownId}`;

/** What the decision itself forbids of its target (spec/takedowns.md 2.4). */
function bitsOf({ outcome, parameters }: TakedownOrder): number {
  const asked = parameters.bits ?? 0;
  if (outcome === 'remove' || outcome === 'hash_only') return REMOVED;
  if (outcome === 'quarantine') return QUARANTINE | asked;
  if (outcome === 'age_lock') return RESTRICTION.explicit | RESTRICTION.edit | asked;
  if (outcome === 'credit' || outcome === 'licence' || outcome === 're_rate') return RESTRICTION.edit | asked;
  return asked;
}

/** First of all: the epoch goes up and the read path refuses. Nothing of the rest begins before this is done. */
export const denyStep = defineTakedownStep({
  name: 'deny',
  holdsRest: true,
  outcomes: [
    ...(['remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock', 'account_action'] as const),
    ...(['dismiss', 'hash_only', 'quarantine'] as const),
  ],
  async run(work, order) {
    // what a case hides before anybody decided, the case itself forbids and allows
    if (order.outcome === 'quarantine' && order.caseId !== null) return done('held by its case');
    await forbid(work, order, [order.target], sourceOf(order.takedownId), bitsOf(order));
    // what was forbidden while the case was open is lifted by the decision that nothing is wrong
    if (order.outcome === 'dismiss' && order.caseId !== null)
      await forbid(work, order, [order.target], `case:${order.caseId}`, 0);
    return done();
  },
});

/** Takes back what the decision forbade, of its target and of everything else that it reached. */
export const allowStep = defineTakedownStep({
  name: 'allow',
  outcomes: ['undo'],
  async run(work, order) {
    const undoes = order.parameters.undoes ?? '';
    const sources = [sourceOf(undoes), derivedSourceOf(undoes)];
    const found = await rows<{ target_kind: PolicyTargetKind; target_id: number; source: string }>(
      work.em,
      `select target_kind, target_id, source from policy_restriction where source in (${inList(sources)})`,
      sources,
    );
    for (const { target_kind: kind, target_id: id, source } of found)
      await forbid(work, order, [{ kind, id }], source, 0);
    return done(`${found.length} lifted`);
  },
});

/** In one transaction with its row of the audit log (spec/takedowns.md 2.3, invariants a and c). */
export async function forbid(
  { em, now }: Pick<Work, 'em' | 'now'>,
  order: TakedownOrder,
  targets: readonly PolicyTarget[],
  source: string,
  bits: number,
): Promise<void> {
  if (targets.length === 0) return;
  await audited({ em: em.fork(), viewer: null, now }, async (tx) => {
    const entries = [];
    for (const target of targets) {
      const epoch = await restrict(tx, target, source, bits, now());
      const after = { takedownId: order.takedownId, source, bits, epoch };
      entries.push({ action: 'policy.restrict', subject: target, after, role: 'worker' });
    }
    return { result: undefined, entries };
  });
}
