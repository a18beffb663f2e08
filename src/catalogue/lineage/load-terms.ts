import type { EntityManager } from '@mikro-orm/core';
import { fromJson, inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { isForbidden } from '../../safety/standing.ts';
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
  is_listed: unknown;
}

/** A version with all that it comes from, near ones first. */
export interface Line {
  readonly own: Licensed;
  readonly ancestors: readonly Licensed[];
}

/** Lines of versions by their ids; of one that is gone there is none. A decision about rights counts as its author's word. */
export async function loadLines(
  em: EntityManager,
  versionIds: readonly number[],
  known?: Ancestry,
): Promise<ReadonlyMap<number, Line>> {
  const ancestry = known ?? (await loadAncestry(em, versionIds));
  const idsOf = (id: number) => [id, ...ancestorsOf(id, ancestry)];
  const licensed = await loadLicensed(em, [...new Set(versionIds.flatMap(idsOf))]);
  const lines = new Map<number, Line>();
  for (const id of versionIds) {
    const own = licensed.get(id);
    const ancestors = provenAncestorsOf(id, ancestry).flatMap((parent) => licensed.get(parent) ?? []);
    if (own) lines.set(id, { own, ancestors });
  }
  return lines;
}

async function loadLicensed(em: EntityManager, ids: readonly number[]): Promise<ReadonlyMap<number, Licensed>> {
  const of = (kind: string, id: string) =>
    `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;
  const found = await rows<TermsRow>(
    em,
    `select v.id, v.name as version_name, m.id as model_id, m.name as model_name, m.owner_id, m.allow_no_credit,
       m.allow_derivatives, m.allow_different_license, cast(m.allow_commercial_use as text) as allow_commercial_use,
       m.forbids_generation, ${of('version', 'v.id')} | ${of('model', 'm.id')} | ${of('account', 'm.owner_id')} as restrictions,
       case when m.listed_at is not null and v.state = 'published' then 1 else 0 end as is_listed
     from model_version v join model m on m.id = v.model_id where v.id in (${inList(ids)})`,
    ids,
  );
  return new Map(found.map((row) => [row.id, licensedOf(row)]));
}

function licensedOf(row: TermsRow): Licensed {
  const isNamed = toBoolean(row.is_listed) && !isForbidden(row.restrictions, 'view');
  const uses = fromJson<CommercialUse[]>(row.allow_commercial_use) ?? [];
  const isDeriveBarred = (row.restrictions & RESTRICTION.derive) !== 0;
  const isCommerceBarred = (row.restrictions & RESTRICTION.commercial) !== 0;
  return {
    versionId: row.id,
    modelId: row.model_id,
    ownerId: row.owner_id,
    allowNoCredit: toBoolean(row.allow_no_credit),
    allowDerivatives: toBoolean(row.allow_derivatives) && !isDeriveBarred,
    isDeriveBarred,
    isCommerceBarred,
    allowDifferentLicense: toBoolean(row.allow_different_license),
    forbidsGeneration: toBoolean(row.forbids_generation),
    uses: isCommerceBarred ? [] : uses.filter((use) => use !== 'None'),
    name: isNamed ? `${row.model_name} ${row.version_name}` : '',
    href: isNamed ? `/models/${row.model_id}?version=${row.id}` : '',
  };
}

/** What may be done with a version after all that it comes from; null for one that is gone. */
export async function loadEffective(em: EntityManager, versionId: number): Promise<Effective | null> {
  const line = (await loadLines(em, [versionId])).get(versionId);
  return line ? effectiveTerms(line.own, line.ancestors) : null;
}

/** Who forbids that this version is handed to this person (0: a visitor). */
export async function findSharingBan(em: EntityManager, versionId: number, personId: number): Promise<Licensed | null> {
  const line = (await loadLines(em, [versionId])).get(versionId);
  return line ? forbidsSharing(line.own, line.ancestors, personId) : null;
}
