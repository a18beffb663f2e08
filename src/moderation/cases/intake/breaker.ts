import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../../kit/database/sql.ts';
import type { ClaimCase } from '../model/case.ts';
import { DAY } from '../types/types.ts';

/** From one source within an hour; and against one uploader or instance within a day, unverified. */
const MOST_OF_SOURCE = 5;
const MOST_AGAINST = 10;

/**
 * Quarantine without proof is a weapon (spec/takedowns.md 2.2): says whether this case is one too many, so that a person
 * looks before anything is hidden. Counts the ones before it, so that many at once are told apart. Why, or null.
 */
export async function findBreaker(em: EntityManager, kase: ClaimCase): Promise<'source' | 'target' | 'cleared' | null> {
  if (kase.type !== 'ncii') return null;
  const before = (ms: number) => new Date(kase.submittedAt.getTime() - ms);
  const count = async (where: string, values: readonly (string | number | Date)[]) => {
    const [row] = await rows<{ n: unknown }>(
      em,
      `select count(*) as n from claim_case c where c.type = 'ncii' and c.id <= ? and ${where}`,
      [kase.id, ...values],
    );
    return toNumber(row?.n);
  };
  if (kase.sourceHash) {
    const ofSource = await count('c.source_hash = ? and c.submitted_at > ?', [kase.sourceHash, before(DAY / 24)]);
    if (ofSource > MOST_OF_SOURCE) return 'source';
  }
  const isAgainst = kase.uploaderHost === '' ? 'c.uploader_id = ?' : 'c.uploader_host = ?';
  const whom = kase.uploaderHost === '' ? kase.uploaderId : kase.uploaderHost;
  if (whom != null) {
    const against = await count(`${isAgainst} and c.verified_at is null and c.submitted_at > ?`, [whom, before(DAY)]);
    if (against > MOST_AGAINST) return 'target';
  }
  if (kase.targetKind && kase.targetId != null) {
    const cleared = await count(
      `c.id <> ? and c.target_kind = ? and c.target_id = ? and (c.state in ('rejected', 'reinstated') or c.outcome = 'dismiss')`,
      [kase.id, kase.targetKind, kase.targetId],
    );
    if (cleared > 0) return 'cleared';
  }
  return null;
}
