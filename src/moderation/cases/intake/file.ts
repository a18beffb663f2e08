import { randomInt } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { record } from '../../../kit/events/events.ts';
import { newId } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import { caseOpened } from '../../queue/events.ts';
import { setClock } from '../clocks/set.ts';
import type { Desk } from '../desk.ts';
import { ClaimCase } from '../model/case.ts';
import { moveCase } from '../transitions/move.ts';
import { type ClaimType, DAY, isSevere } from '../types/types.ts';

// Crockford's digits: no letter that is read for another
const SIGNS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const makeNumber = (): string => `C-${Array.from({ length: 10 }, () => SIGNS[randomInt(SIGNS.length)]).join('')}`;

export interface NewCase {
  readonly type: ClaimType;
  readonly origin: ClaimCase['origin'];
  readonly url: string;
  readonly answers: Readonly<Record<string, string>>;
  readonly missing?: readonly string[];
  readonly secretHash?: string | null;
  readonly sourceHash?: string | null;
  readonly isBehindBreaker?: boolean;
  /** Null for what staff only write down; who works is the filer else. */
  readonly filerId?: null;
}

const TRIGGERS = { form: 'submit', staff: 'submit', scanner: 'scan', flag: 'flag' } as const;

/**
 * Writes a case down; the job does the rest. `act` writes what else belongs to it, in the same transaction. Staff, a
 * scanner and a peer's `Flag` come here without a form: their cases have no secret.
 */
export async function fileCase(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Pick<Desk, 'takeInJob'>,
  { type, origin, url, answers, missing = [], secretHash = null, sourceHash = null, ...more }: NewCase,
  act: (em: EntityManager, kase: ClaimCase) => Promise<void> = async () => {},
): Promise<ClaimCase> {
  const now = work.now();
  const { isBehindBreaker = false, filerId = work.viewer?.id ?? null } = more;
  const make = (em: EntityManager) =>
    em.create(
      ClaimCase,
      {
        ...{ id: newId(), number: makeNumber(), type, state: 'received', origin, url, answers, missing },
        ...{ secretHash, sourceHash, isBehindBreaker, priority: isSevere(type) ? 0 : 2 },
        ...{ filerId, submittedAt: now },
      },
      { persist: true },
    );
  return moveCase(work, make, {
    ...{ trigger: TRIGGERS[origin], role: origin === 'form' ? 'claimant' : origin },
    act: async (em, kase) => {
      await act(em, kase);
      await setClock(em, kase.id, 'expire', new Date(now.getTime() + 3 * DAY));
      record(em, caseOpened, { caseId: kase.id });
      work.jobs.enqueue(em, desk.takeInJob, { caseId: kase.id });
    },
  });
}
