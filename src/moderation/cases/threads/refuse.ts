import type { Work } from '../../../kit/work.ts';
import { stopClocks } from '../clocks/set.ts';
import { moveCase } from '../transitions/move.ts';

/** The uploader does not agree: a moderator decides, without waiting for the end of the window. */
export async function refuseClaim(work: Pick<Work, 'em' | 'viewer' | 'now'>, caseId: string): Promise<void> {
  await moveCase(work, caseId, {
    ...{ trigger: 'refuse', role: 'uploader' },
    act: (em) => stopClocks(em, caseId, ['window', 'agree']),
  });
}
