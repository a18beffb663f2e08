import { z } from 'zod';
import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import { goOn, mergeInto } from '../intake/open.ts';
import { setTarget, takenIn } from '../intake/take-in.ts';
import { ClaimCase, ENDED, targetOf } from '../model/case.ts';
import { requireDecider } from './bars.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

export const PointForm = z.object({ url: z.string().trim().min(1, t('claim.error-url')).max(2_000) });

/** Corrects the address of a case that nothing here answers to. Throws `invalid` when this one is of nothing either. */
export async function pointCase(
  work: Actor,
  desk: Desk,
  caseId: string,
  { url }: z.output<typeof PointForm>,
): Promise<void> {
  await requireDecider(work, caseId, 'case.point');
  await audited(work, async (em) => {
    const kase = await em.findOneOrFail(ClaimCase, caseId, { refresh: true });
    if (targetOf(kase)) throw new AppError('conflict', 'The case is about something already.');
    kase.url = url;
    await setTarget(em, desk, kase, work.now());
    const message = t('case.error-nothing-there');
    if (!targetOf(kase)) throw new AppError('invalid', message, { fields: { url: message } });
    const { role: _role, ...entry } = takenIn(kase);
    return { result: null, entries: [{ ...entry, action: 'case.point' }] };
  });
  await goOn(work, desk, caseId);
}

export const MergeForm = z.object({ number: z.string().trim().toUpperCase().max(40) });

/** Makes a case part of another one of the same type about the same thing. */
export async function mergeByHand(work: Actor, caseId: string, { number }: z.output<typeof MergeForm>): Promise<void> {
  const kase = await requireDecider(work, caseId, 'case.merge');
  const main = await work.em.findOne(ClaimCase, { number });
  const isSame = main && main.id !== kase.id && main.type === kase.type && main.targetKind === kase.targetKind;
  if (!isSame || main.targetId !== kase.targetId || ENDED.includes(main.state)) {
    const message = t('case.error-merge');
    throw new AppError('invalid', message, { fields: { number: message } });
  }
  await mergeInto(work, caseId, main.id, 'merge');
}
