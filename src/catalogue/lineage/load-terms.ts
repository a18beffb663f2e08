import type { EntityManager } from '@mikro-orm/core';
import { fromJson, inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { isForbidden } from '../../safety/standing.ts';
import { barredByRightsSql } from '../../safety/upheld.ts';
import type { CommercialUse } from '../types.ts';
import { type Ancestry, ancestorsOf, loadAncestry, provenAncestorsOf } from './ancestry.ts';
import { type Effective, effectiveTerms, forbidsSharing, type Licensed } from './terms.ts';

interface TermsRow {
  id: number;
  version_name: string;
  model_id: number;
  model_name: string;
  owner_id: number;
  allow_no_credit: unknown;
  allow_derivatives: unknown;
  allow_different_license: unknown;
  allow_commercial_use: unknown;
  forbids_generation: unknown;
  restrictions: number;
  no_merge: unknown;
  no_commerce: unknown;
  no_resale: unknown;
  is_listed: unknown;
}

/** A version with all that it comes from, near ones first. */
export interface Line {
  readonly own: Licensed;
  readonly ancestors: readonly Licensed[];
}

/**
 * Lines of versions by their ids; of one that is gone there is none. A decision about rights, and what a rights holder's
 * licence leaves out, count as its author's word.
 */
export async function loadLines(
  em: EntityManager,
  versionIds: readonly number[],
  now: Date,
  known?: Ancestry,
): Promise<ReadonlyMap<number, Line>> {
  const ancestry = known ?? (await loadAncestry(em, versionIds));
  const idsOf = (id: number) => [id, ...ancestorsOf(id, ancestry)];
  const licensed = await loadLicensed(em, [...new Set(versionIds.flatMap(idsOf))], now);
  const lines = new Map<number, Line>();
  for (const id of versionIds) {
    const own = licensed.get(id);
    const ancestors = provenAncestorsOf(id, ancestry).flatMap((parent) => licensed.get(parent) ?? []);
    if (own) lines.set(id, { own, ancestors });
  }
  return lines;
}

async function loadLicensed(
  em: EntityManager,
  ids: readonly number[],
  now: Date,
): Promise<ReadonlyMap<number, Licensed>> {
  const asFlag = (sql: string) => `case when ${sql} then 1 else 0 end`;
  const of = (kind: string, id: string) =>
    `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;
  const found = await rows<TermsRow>(
    em,
    `select v.id, v.name as version_name, m.id as model_id, m.name as model_name, m.owner_id, m.allow_no_credit,
       m.allow_derivatives, m.allow_different_license, cast(m.allow_commercial_use as text) as allow_commercial_use,
       m.forbids_generation, ${of('version', 'v.id')} | ${of('model', 'm.id')} | ${of('account', 'm.owner_id')} as restrictions,
       ${asFlag(barredByRightsSql('merge'))} as no_merge, ${asFlag(barredByRightsSql('commercial'))} as no_commerce,
       ${asFlag(barredByRightsSql('resale'))} as no_resale,
       ${asFlag("m.listed_at is not null and v.state = 'published'")} as is_listed
     from model_version v join model m on m.id = v.model_id where v.id in (${inList(ids)})`,
    [now, now, now, ...ids],
  );
  return new Map(found.map((row) => [row.id, licensedOf(row)]));
}

function licensedOf(row: TermsRow): Licensed {
  const isNamed = toBoolean(row.is_listed) && !isForbidden(row.restrictions, 'view');
  const uses = fromJson<CommercialUse[]>(row.allow_commercial_use) ?? [];
  const isDeriveBarred = (row.restrictions & RESTRICTION.derive) !== 0 || toBoolean(row.no_merge);
  const isCommerceBarred = (row.restrictions & RESTRICTION.commercial) !== 0;
  const isSaleBarred = isCommerceBarred || toBoolean(row.no_resale);
  const isLet = (use: CommercialUse): boolean =>
    use !== 'None' && !isCommerceBarred && !toBoolean(use === 'Sell' ? row.no_resale : row.no_commerce);
  return {
    versionId: row.id,
    modelId: row.model_id,
    ownerId: row.owner_id,
    allowNoCredit: toBoolean(row.allow_no_credit),
    allowDerivatives: toBoolean(row.allow_derivatives) && !isDeriveBarred,
    isDeriveBarred,
    isSaleBarred,
    allowDifferentLicense: toBoolean(row.allow_different_license),
    forbidsGeneration: toBoolean(row.forbids_generation),
    uses: uses.filter(isLet),
    name: isNamed ? `${row.model_name} ${row.version_name}` : '',
    href: isNamed ? `/models/${row.model_id}?version=${row.id}` : '',
  };
}

/** What may be done with a version after all that it comes from; null for one that is gone. */
export async function loadEffective(em: EntityManager, versionId: number, now: Date): Promise<Effective | null> {
  const line = (await loadLines(em, [versionId], now)).get(versionId);
  return line ? effectiveTerms(line.own, line.ancestors) : null;
}

/** Who forbids that this version is handed to this person (0: a visitor). */
export async function findSharingBan(
  em: EntityManager,
  versionId: number,
  personId: number,
  now: Date,
): Promise<Licensed | null> {
  const line = (await loadLines(em, [versionId], now)).get(versionId);
  return line ? forbidsSharing(line.own, line.ancestors, personId) : null;
}
