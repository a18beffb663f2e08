import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { COMPLIANCE_STATES, type ComplianceState } from './model.ts';

type Figures = Readonly<Record<ComplianceState, number>>;

const figuresOf = (found: readonly { readonly state: ComplianceState; readonly n: unknown }[]): Figures => {
  const counts = new Map(found.map(({ state, n }) => [state, toNumber(n)]));
  return Object.fromEntries(COMPLIANCE_STATES.map((state) => [state, counts.get(state) ?? 0])) as Figures;
};

// Notices of severe cases are never public, not even as numbers: one of them goes to every instance at once, so that
// a case could be read off the sum (spec/takedowns.md 2.12).
const PUBLIC = `from notice_peer p join sent_notice s on s.id = p.notice_id
  where s.kind <> 'undo' and s.category not in ('minor', 'ncii')`;

/** How far other instances are with what this node took down. */
export const countPublicCompliance = async (em: EntityManager): Promise<Figures> =>
  figuresOf(
    await rows<{ state: ComplianceState; n: unknown }>(
      em,
      `select p.state, count(*) as n ${PUBLIC} and s.ended_at is null group by p.state`,
    ),
  );

/** The same for single takedowns; those that were told to nobody are left out. */
export async function findPublicCompliance(
  em: EntityManager,
  takedownIds: readonly string[],
): Promise<ReadonlyMap<string, Figures>> {
  if (takedownIds.length === 0) return new Map();
  const found = await rows<{ takedown_id: string; state: ComplianceState; n: unknown }>(
    em,
    `select s.takedown_id, p.state, count(*) as n ${PUBLIC} and s.takedown_id in (${inList(takedownIds)})
     group by s.takedown_id, p.state`,
    takedownIds,
  );
  const ids = [...new Set(found.map(({ takedown_id }) => takedown_id))];
  return new Map(ids.map((id) => [id, figuresOf(found.filter(({ takedown_id }) => takedown_id === id))]));
}
