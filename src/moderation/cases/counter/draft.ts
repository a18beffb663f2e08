import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { setClock } from '../clocks/set.ts';
import { type Desk, sealPerson, unsealPerson } from '../desk.ts';
import { CaseClock } from '../model/clock.ts';
import { CounterDraft, CounterNotice } from '../model/redress.ts';
import { moveCase } from '../transitions/move.ts';
import { DAY } from '../types/types.ts';
import { tellUploader } from '../verify/letters.ts';

const tick = z.enum(['', '1']).default('');
const line = (max: number) =>
  z
    .string()
    .trim()
    .max(max, t('claim.error-long', { n: max }))
    .default('');

/** What 17 U.S.C. 512(g)(3) asks for; the claimant gets a copy. What lacks something is kept, so nothing is required. */
export const CounterForm = z.object({
  name: line(200),
  address: line(500),
  phone: line(60),
  text: line(4_000),
  perjury: tick,
  jurisdiction: tick,
  service: tick,
  signature: line(200),
});
export type Counter = z.output<typeof CounterForm>;

/** All but the reasons, which the law does not ask for. */
const ELEMENTS = ['name', 'address', 'phone', 'perjury', 'jurisdiction', 'service', 'signature'] as const;
const TICKS: readonly string[] = ['perjury', 'jurisdiction', 'service'];

export const lacking = (counter: Counter): string[] => ELEMENTS.filter((name) => counter[name] === '');

export const lackText = (name: string): string => t(TICKS.includes(name) ? 'claim.error-tick' : 'claim.error-missing');

/** A notice is asked for what it lacks for so long (spec/takedowns.md 2.3, row 5); so is the answer to it. */
const ASKED_MS = 14 * DAY;
const SETTLE_MS = 30 * DAY;

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

/**
 * Keeps a counter-notice that lacks an element, and asks for that. It is not passed on, nothing comes back by it, and
 * the time in which the case can be closed runs on. Throws `invalid` for a form in which nothing stands.
 */
export async function keepDraft(work: Actor, desk: Desk, caseId: string, counter: Counter): Promise<void> {
  const missing = lacking(counter);
  if (missing.length === ELEMENTS.length && counter.text === '') {
    const fields = Object.fromEntries(missing.map((name) => [name, lackText(name)]));
    throw new AppError('invalid', t('claim.error-missing'), { fields });
  }
  await moveCase(work, caseId, {
    ...{ trigger: 'counter-lack', role: 'uploader', facts: { missing } },
    act: async (em) => {
      if (await em.findOne(CounterNotice, caseId)) throw new AppError('conflict', t('case.counter-twice'));
      const { text, ...rest } = counter;
      const draft = { sealed: sealPerson(desk, rest), text, missing, writtenAt: work.now() };
      const known = await em.findOne(CounterDraft, caseId);
      if (known) Object.assign(known, draft);
      else em.create(CounterDraft, { caseId, ...draft }, { persist: true });
      const isAsked = (await em.count(CaseClock, { caseId, kind: 'lapse', firedAt: null })) > 0;
      if (!isAsked) await setClock(em, caseId, 'lapse', new Date(work.now().getTime() + ASKED_MS));
    },
  });
}

/** What its author wrote so far, or null. */
export async function findDraft(
  em: EntityManager,
  desk: Desk,
  caseId: string,
): Promise<{ counter: Counter; missing: readonly string[] } | null> {
  const draft = await em.findOne(CounterDraft, caseId);
  return (
    draft && {
      counter: { ...unsealPerson<Omit<Counter, 'text'>>(desk, draft.sealed), text: draft.text },
      missing: draft.missing,
    }
  );
}

/** Nobody completed it in time: the case stands as it did. What was written stays until the case is closed. */
export async function lapseDraft(work: Actor, desk: Desk, caseId: string): Promise<void> {
  await moveCase(work, caseId, {
    ...{ trigger: 'counter-lapse', role: 'timer' },
    act: async (em, kase) => {
      const settled = (kase.executedAt ?? work.now()).getTime() + SETTLE_MS;
      await setClock(em, caseId, 'settle', new Date(Math.max(settled, work.now().getTime() + DAY)));
      await tellUploader({ ...work, em }, desk, kase, 'counter-lapsed');
    },
  });
}
