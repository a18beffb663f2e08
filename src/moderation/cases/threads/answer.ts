import type { EntityManager } from '@mikro-orm/core';
import type { Work } from '../../../kit/work.ts';
import { setClock, stopClocks } from '../clocks/set.ts';
import { type Claimant, type Desk, sealPerson, unsealPerson } from '../desk.ts';
import { goOn } from '../intake/open.ts';
import { setInterim, wantedInterim } from '../interim.ts';
import type { ClaimCase } from '../model/case.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { moveCase } from '../transitions/move.ts';
import { CLAIMS } from '../types/types.ts';
import { tellUploader } from '../verify/letters.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;
type Answers = Readonly<Record<string, string>>;

/** The claimant answers what they were asked. A notice that is complete now has its deadline, and forbids, from here on. */
export async function answerQuestions(work: Actor, desk: Desk, caseId: string, given: Answers): Promise<void> {
  await moveCase(work, caseId, {
    ...{ trigger: 'answer', role: 'claimant' },
    act: async (em, kase) => {
      await stopClocks(em, caseId, ['lapse']);
      if (kase.missing.length === 0) return;
      await fillIn(em, desk, kase, given);
      if (kase.missing.length > 0) return;
      const now = work.now();
      const { targetMs, hardMs } = CLAIMS[kase.type];
      kase.dueAt = new Date(now.getTime() + targetMs);
      await setClock(em, caseId, 'run_out', new Date(now.getTime() + hardMs));
      await setInterim(em, kase, await wantedInterim(em, kase), now);
      if (kase.interim !== 0) await tellUploader({ ...work, em }, desk, kase, 'restricted');
    },
  });
  await goOn(work, desk, caseId);
}

/** What names somebody goes to the claimant's own row, the rest to the case. */
async function fillIn(em: EntityManager, desk: Desk, kase: ClaimCase, given: Answers): Promise<void> {
  const filled = CLAIMS[kase.type].fields.filter(({ name }) => kase.missing.includes(name) && given[name]);
  const pick = (isPersonal: boolean) =>
    Object.fromEntries(
      filled.filter((field) => Boolean(field.personal) === isPersonal).map(({ name }) => [name, given[name] ?? '']),
    );
  kase.answers = { ...kase.answers, ...pick(false) };
  const names = filled.map(({ name }) => name);
  kase.missing = kase.missing.filter((name) => !names.includes(name));
  const row = await em.findOne(CaseClaimant, kase.id);
  if (!row) return;
  const claimant = unsealPerson<Claimant>(desk, row.sealed);
  row.sealed = sealPerson(desk, { ...claimant, personal: { ...claimant.personal, ...pick(true) } });
}
