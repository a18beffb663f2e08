import type { EntityManager } from '@mikro-orm/core';
import { fromJson, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { UPHELD_SQL } from '../../safety/upheld.ts';
import type { ClaimType } from '../cases/types/types.ts';

/** A claim of somebody that was upheld: what they may offer terms for. */
export interface Holding {
  readonly caseId: string;
  readonly number: string;
  readonly type: ClaimType;
  readonly typeLabel: string;
  /** What they said is theirs, as a first text for an offer; '' once the case was redacted. */
  readonly covers: string;
  readonly openOffers: number;
}

interface Row {
  id: string;
  number: string;
  type: ClaimType;
  answers: unknown;
  open_offers: unknown;
}

const SELECT = `select c.id, c.number, c.type, cast(c.answers as text) as answers,
  (select count(*) from rights_offer o where o.case_id = c.id and o.closed_at is null) as open_offers
  from claim_case c where ${UPHELD_SQL} and c.filer_id = ?`;

const MOST = 100;

export async function listHoldings(em: EntityManager, accountId: number): Promise<Holding[]> {
  const found = await rows<Row>(em, `${SELECT} order by c.submitted_at desc, c.id desc limit ${MOST}`, [accountId]);
  return found.map(holdingOf);
}

/** Throws `not_found` for what is not an upheld claim of the viewer's. */
export async function loadHolding({ em, viewer }: Pick<Work, 'em' | 'viewer'>, number: string): Promise<Holding> {
  const [row] = await rows<Row>(em, `${SELECT} and c.number = ?`, [viewer?.id ?? 0, number]);
  if (!row) throw new AppError('not_found', t('rights.no-claim'));
  return holdingOf(row);
}

/** Does the claim that an offer rests on still stand? */
export async function isUpheld(em: EntityManager, caseId: string): Promise<boolean> {
  return (await rows(em, `select c.id from claim_case c where ${UPHELD_SQL} and c.id = ?`, [caseId])).length > 0;
}

export const STANDS_SQL = `exists (select 1 from claim_case c where c.id = o.case_id and ${UPHELD_SQL})`;

function holdingOf({ id, number, type, answers, open_offers: open }: Row): Holding {
  const said = fromJson<Record<string, string>>(answers) ?? {};
  const covers = said.artistName ?? said.mark ?? said.work ?? '';
  return {
    ...{ caseId: id, number, type, typeLabel: t(`claim.type-${type}`), openOffers: Number(open) },
    covers: covers.replace(/\s+/g, ' ').slice(0, 200),
  };
}
