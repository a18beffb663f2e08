import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Work } from '../../../kit/work.ts';
import { setInterim } from '../interim.ts';
import { ClaimCase, ENDED } from '../model/case.ts';
import { openCaseRow } from '../transitions/move.ts';
import { findBar, requireDecider } from './bars.ts';

const MOST = 1_000;

/** Undecided claims about intimate pictures that came from where this one came from, and that nobody confirmed. */
const ofSource = (sourceHash: string) => ({
  ...{ sourceHash, type: 'ncii' as const, verifiedAt: null },
  state: { $nin: [...ENDED, 'decided' as const, 'executed' as const, 'appealed' as const] },
});

/** How many would be taken back with this one. */
export const countSource = async ({ em }: Pick<Work, 'em'>, kase: ClaimCase): Promise<number> =>
  kase.sourceHash == null || kase.type !== 'ncii'
    ? 0
    : em.count(ClaimCase, { ...ofSource(kase.sourceHash), interim: { $ne: 0 } });

/**
 * Shows again, in one act, all that unconfirmed claims of one source hid (spec/takedowns.md 2.2). The cases stay and are
 * looked at; no timer removes what they are about. Those to which the viewer is a party are left alone. Returns how many.
 */
export async function undoSource(work: Pick<Work, 'em' | 'viewer' | 'now'>, caseId: string): Promise<number> {
  const { viewer } = work;
  const first = await requireDecider(work, caseId, 'case.undo-source');
  if (first.sourceHash == null || first.type !== 'ncii' || !viewer) {
    throw new AppError('conflict', 'It is not known any more where this case came from.');
  }
  const { sourceHash } = first;
  return audited(work, async (em) => {
    const now = work.now();
    const cases = await em.find(ClaimCase, ofSource(sourceHash), { orderBy: { id: 'asc' }, limit: MOST });
    const undone: ClaimCase[] = [];
    for (const kase of cases) {
      if (await findBar(em, viewer, kase)) continue;
      if (kase.interim !== 0) undone.push(kase);
      kase.isBehindBreaker = true;
      await setInterim(em, kase, 0, now);
      await openCaseRow(em, kase, now);
    }
    const entries = undone.map(({ id }) => ({
      ...{ action: 'case.undo-source', subject: { kind: 'case', id } },
      after: { interim: 0, with: caseId },
    }));
    return { result: undone.length, entries };
  });
}
