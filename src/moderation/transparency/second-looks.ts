import type { EntityManager } from '@mikro-orm/core';
import { fromJson, inList, rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { endOf, type Month, monthOf, startOf } from './months.ts';

/*
 * What two people must want (spec/takedowns.md 2.3, row 11): the first is noted, and whoever decides next did the same
 * or something else. Both stand in the audit log, and nowhere else.
 */

export interface SecondLook {
  readonly month: Month;
  readonly isAgreed: boolean;
}

interface Act {
  seq: unknown;
  at: unknown;
  subject_id: string;
  action: string;
  after: unknown;
}

/** What an entry says was done; `row` tells rows of the queue apart that are about the same thing. */
interface Done {
  readonly trigger?: string;
  readonly outcome?: string | null;
  readonly row?: string | number;
  readonly choice?: string;
}

/** The triggers that decide a case; others only lead on. */
const DECIDES: readonly string[] = ['decide', 'reject', 'overturn', 'uphold', 'run-out'];
const MOST = 5_000;
/** So long the word of the first stands (two-people.ts), and a day more. */
const STANDS_MS = 8 * 86_400_000;

const FIRST = { 'case.agree': 'case.move', 'queue.agree-first': 'queue.decide' } as const;

/** Each decision of these months before which a first person had agreed to something. */
export async function findSecondLooks(em: EntityManager, months: readonly Month[]): Promise<SecondLook[]> {
  const [first = '', last = first] = [months[0], months.at(-1)];
  const from = startOf(first);
  const firsts = await rows<Act>(
    em,
    `select seq, at, subject_id, action, after from audit_entry
     where action in ('case.agree', 'queue.agree-first') and at >= ? and at < ? order by seq desc limit ${MOST}`,
    [new Date(from.getTime() - STANDS_MS), endOf(last)],
  );
  if (firsts.length === 0) return [];
  const ids = [...new Set(firsts.map(({ subject_id }) => subject_id))];
  const acts = await rows<Act>(
    em,
    `select seq, at, subject_id, action, after from audit_entry
     where action in ('case.move', 'queue.decide') and subject_id in (${inList(ids)}) order by seq`,
    ids,
  );
  // of two who agreed one after the other to different things, the later word counts; it comes first here
  const looks = new Map<number, SecondLook>();
  for (const one of firsts) {
    const [wanted, next] = [doneOf(one), acts.find((act) => isAnswer(one, act))];
    if (!next || toDate(next.at) < from || looks.has(toNumber(next.seq))) continue;
    looks.set(toNumber(next.seq), { month: monthOf(toDate(next.at)), isAgreed: isSame(wanted, doneOf(next)) });
  }
  return [...looks.values()];
}

const doneOf = ({ after }: Act): Done => fromJson<Done>(after) ?? {};

function isAnswer(first: Act, act: Act): boolean {
  if (act.subject_id !== first.subject_id || toNumber(act.seq) <= toNumber(first.seq)) return false;
  if (act.action !== FIRST[first.action as keyof typeof FIRST]) return false;
  const done = doneOf(act);
  return act.action === 'case.move' ? DECIDES.includes(done.trigger ?? '') : done.row === doneOf(first).row;
}

const isSame = (wanted: Done, done: Done): boolean =>
  wanted.trigger === done.trigger &&
  wanted.choice === done.choice &&
  (wanted.outcome === undefined || wanted.outcome === done.outcome);
