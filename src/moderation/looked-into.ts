import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../kit/database/sql.ts';
import { ENDED } from './cases/model/case.ts';

/**
 * Does a case or a report about one of these (`kind:id`) wait for a decision, or for the time to undo it? A doubt about
 * a rating is none. For whoever must not pay out meanwhile (spec/guardrails.md 3.5).
 */
export async function isLookedInto(em: EntityManager, things: readonly string[]): Promise<boolean> {
  const byKind = new Map<string, string[]>();
  for (const thing of things) {
    const at = thing.indexOf(':');
    const kind = thing.slice(0, at);
    byKind.set(kind, [...(byKind.get(kind) ?? []), thing.slice(at + 1)]);
  }
  for (const [kind, ids] of byKind) {
    const waiting = await rows(
      em,
      `select id from queue_row where about_kind = ? and about_id in (${inList(ids)}) and state <> 'done'
         and kind <> 'rating' limit 1`,
      [kind, ...ids],
    );
    if (waiting.length > 0) return true;
    const numbers = ids.map(Number).filter((id) => Number.isInteger(id));
    if (numbers.length === 0) continue;
    const cases = await rows(
      em,
      `select id from claim_case where target_kind = ? and target_id in (${inList(numbers)})
         and state not in (${inList(ENDED)}) limit 1`,
      [kind, ...numbers, ...ENDED],
    );
    if (cases.length > 0) return true;
  }
  return false;
}
