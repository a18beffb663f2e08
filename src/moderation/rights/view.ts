import type { EntityManager } from '@mikro-orm/core';
import { handle } from '../../accounts/model.ts';
import { usesOf } from '../../economy/licences/view.ts';
import { rows, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { isId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import { STANDS_SQL } from './holdings.ts';
import { HOLDS_SQL } from './holds.ts';

interface TermsView {
  readonly id: string;
  readonly covers: string;
  readonly title: string;
  readonly uses: readonly string[];
  readonly text: string;
  readonly forbids: string;
  readonly revocation: string;
  readonly noticeDays: number;
  readonly url: string;
}

export interface RightsOfferView extends TermsView {
  readonly owner: string;
  /** Null: one asks. */
  readonly priceCredits: number | null;
  readonly days: number | null;
}

interface TermsRow {
  id: string;
  covers: string;
  title: string;
  uses: unknown;
  text: string;
  forbids: string;
  revocation: string;
  notice_days: number;
}

interface OfferRow extends TermsRow {
  price_credits: number | null;
  days: number | null;
  created_at: unknown;
  owner_name: string;
  owner_host: string;
}

const termsView = (row: TermsRow, folder: 'offers' | 'licences'): TermsView => ({
  ...{ id: row.id, covers: row.covers, title: row.title, uses: usesOf(row.uses), text: row.text },
  ...{ forbids: row.forbids, revocation: row.revocation, noticeDays: row.notice_days },
  url: `/rights/${folder}/${row.id}`,
});

const offerView = (row: OfferRow): RightsOfferView => ({
  ...termsView(row, 'offers'),
  owner: handle({ name: row.owner_name, host: row.owner_host }),
  ...{ priceCredits: row.price_credits, days: row.days },
});

const OFFERS = `select o.id, o.covers, o.title, o.uses, o.text, o.forbids, o.revocation, o.notice_days, o.price_credits,
  o.days, o.created_at, a.name as owner_name, a.host as owner_host
  from rights_offer o join account a on a.id = o.owner_id`;
const PAGE = 30;

/** What rights holders offer, the newest first. */
export async function listRightsOffers(
  em: EntityManager,
  before: string,
): Promise<{ readonly items: RightsOfferView[]; readonly nextBefore: string }> {
  const [, ms = '', id = ''] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(before) ?? [];
  const isPlace = isId(id);
  const found = await rows<OfferRow>(
    em,
    `${OFFERS} where o.closed_at is null and a.state = 'active' and ${STANDS_SQL}
     ${isPlace ? 'and (o.created_at, o.id) < (?, ?)' : ''} order by o.created_at desc, o.id desc limit ${PAGE + 1}`,
    isPlace ? [new Date(Number(ms)), id] : [],
  );
  const last = found.length > PAGE ? found[PAGE - 1] : undefined;
  return {
    items: found.slice(0, PAGE).map(offerView),
    nextBefore: last ? `${toDate(last.created_at).getTime()}.${last.id}` : '',
  };
}

/** Open offers that rest on a claim, or on one that went into it. */
export async function listOffersOfCase(em: EntityManager, caseId: string): Promise<RightsOfferView[]> {
  const found = await rows<OfferRow>(
    em,
    `${OFFERS} where o.closed_at is null and a.state = 'active' and ${STANDS_SQL}
       and o.case_id in (select x.id from claim_case x where x.id = ? or x.merged_into_id = ?)
     order by o.created_at, o.id limit ${PAGE}`,
    [caseId, caseId],
  );
  return found.map(offerView);
}

export interface RightsGrantView extends TermsView {
  readonly offerId: string;
  readonly state: string;
  readonly stateLabel: string;
  /** Also while the notice of one that was taken back runs. */
  readonly holds: boolean;
  readonly modelId: number | null;
  readonly modelName: string;
  readonly paidCredits: number;
  readonly purpose: string;
  readonly answer: string;
  readonly askedAt: string;
  readonly decidedAt: string;
  readonly expiresAt: string;
  readonly endedAt: string;
  readonly owner: string;
  readonly ownerId: number;
  readonly licensee: string;
  readonly licenseeId: number;
}

interface GrantRow extends TermsRow {
  offer_id: string;
  state: string;
  model_id: number | null;
  model_name: string | null;
  paid_credits: unknown;
  purpose: string;
  answer: string;
  asked_at: unknown;
  decided_at: unknown;
  expires_at: unknown;
  ended_at: unknown;
  owner_id: number;
  owner_name: string;
  owner_host: string;
  licensee_id: number;
  licensee_name: string;
  licensee_host: string;
}

const GRANTS = `select g.id, g.covers, g.title, g.uses, g.text, g.forbids, g.revocation, g.notice_days, g.offer_id, g.state,
  g.model_id, m.name as model_name, g.paid_credits, g.purpose, g.answer, g.asked_at, g.decided_at, g.expires_at,
  g.ended_at, o.owner_id, a.name as owner_name, a.host as owner_host, g.licensee_id, l.name as licensee_name,
  l.host as licensee_host
  from rights_grant g join rights_offer o on o.id = g.offer_id join account a on a.id = o.owner_id
  join account l on l.id = g.licensee_id left join model m on m.id = g.model_id`;

function stateOf(row: GrantRow, now: Date): string {
  const expires = toDateOrNull(row.expires_at);
  const isOver = expires !== null && expires <= now;
  if (row.state === 'granted') return isOver ? 'expired' : 'granted';
  return row.state === 'revoked' && !isOver ? 'notice' : row.state;
}

function grantView(row: GrantRow, now: Date): RightsGrantView {
  const iso = (value: unknown) => toDateOrNull(value)?.toISOString() ?? '';
  const state = stateOf(row, now);
  return {
    ...termsView(row, 'licences'),
    ...{ offerId: row.offer_id, state, stateLabel: t(`licence.state-${state}`) },
    ...{ holds: state === 'granted' || state === 'notice', modelId: row.model_id, modelName: row.model_name ?? '' },
    ...{ paidCredits: toNumber(row.paid_credits), purpose: row.purpose, answer: row.answer },
    ...{ askedAt: iso(row.asked_at), decidedAt: iso(row.decided_at), expiresAt: iso(row.expires_at) },
    endedAt: iso(row.ended_at),
    ...{ owner: handle({ name: row.owner_name, host: row.owner_host }), ownerId: row.owner_id },
    ...{ licensee: handle({ name: row.licensee_name, host: row.licensee_host }), licenseeId: row.licensee_id },
  };
}

export async function findRightsGrant(em: EntityManager, id: string, now: Date): Promise<RightsGrantView | null> {
  const [row] = await rows<GrantRow>(em, `${GRANTS} where g.id = ?`, [id]);
  return row ? grantView(row, now) : null;
}

const MOST_GRANTS = 200;

/** What somebody holds or asked for, and what others ask of them; the newest first. */
export async function listRightsGrants(em: EntityManager, accountId: number, now: Date) {
  const of = async (whose: string) =>
    (
      await rows<GrantRow>(em, `${GRANTS} where ${whose} order by g.asked_at desc, g.id desc limit ${MOST_GRANTS}`, [
        accountId,
      ])
    ).map((row) => grantView(row, now));
  return { held: await of('g.licensee_id = ?'), given: await of('o.owner_id = ?') };
}

/** A line of the page of a model: with whose permission, and what of theirs it uses. */
export interface PermissionLine {
  readonly owner: string;
  readonly ownerUrl: string;
  readonly covers: string;
  readonly uses: readonly string[];
  /** ISO; '' for ever. */
  readonly until: string;
}

export async function listPermissions(em: EntityManager, modelId: number, now: Date): Promise<PermissionLine[]> {
  const found = await rows<GrantRow & { account_state: string }>(
    em,
    `select g.covers, g.uses, g.expires_at, a.name as owner_name, a.host as owner_host, a.state as account_state
     from rights_grant g join rights_offer o on o.id = g.offer_id join account a on a.id = o.owner_id
     where g.model_id = ? and ${HOLDS_SQL} order by g.decided_at, g.id limit ${PAGE}`,
    [modelId, now],
  );
  return found.map((row) => {
    const owner = handle({ name: row.owner_name, host: row.owner_host });
    const isThere = row.account_state !== 'deleted';
    return {
      ...{ owner: isThere ? owner : t('credits.left'), ownerUrl: isThere ? `/${owner}` : '' },
      ...{ covers: row.covers, uses: usesOf(row.uses), until: toDateOrNull(row.expires_at)?.toISOString() ?? '' },
    };
  });
}

/** Models of somebody that a licence can be asked for, the newest first: drafts and what is withheld too. */
export async function listLicensable(em: EntityManager, accountId: number) {
  const found = await rows<{ id: number; name: string }>(
    em,
    `select id, name from model where owner_id = ? and is_local = ? and deleted_at is null order by id desc limit 200`,
    [accountId, true],
  );
  return found.map(({ id, name }) => ({ value: String(id), label: name || t('editor.untitled') }));
}
