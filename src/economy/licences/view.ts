import type { EntityManager } from '@mikro-orm/core';
import { handle } from '../../accounts/model.ts';
import { fromJson, rows, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { grantsOf } from './grants-of.ts';
import { LICENCE_USES, type LicenceUse } from './model.ts';

export interface OfferView {
  readonly id: string;
  readonly title: string;
  readonly uses: readonly string[];
  readonly text: string;
  readonly forbids: string;
  readonly revocation: string;
  /** Null: one asks. */
  readonly priceCredits: number | null;
  readonly days: number | null;
  readonly url: string;
}

/** A line of the public list of who holds what. */
interface HolderLine {
  readonly holder: string;
  readonly holderUrl: string;
  readonly title: string;
  readonly grantedOn: string;
  readonly state: string;
}

/** What the page of a model says of its licences. */
export interface LicenceShelf {
  readonly offers: readonly OfferView[];
  readonly holders: readonly HolderLine[];
  /** By a licence that the viewer holds, whatever the model is free for. */
  readonly mayGenerate: boolean;
  /** That the viewer holds or asked for. */
  readonly mineUrl: string;
}

const EMPTY: LicenceShelf = { offers: [], holders: [], mayGenerate: false, mineUrl: '' };
export const MOST_OFFERS = 8;
const MOST_HOLDERS = 100;

interface OfferRow {
  id: string;
  title: string;
  uses: unknown;
  text: string;
  forbids: string;
  revocation: string;
  price_credits: number | null;
  days: number | null;
}

export const usesOf = (json: unknown): string[] => {
  const uses = fromJson<LicenceUse[]>(json) ?? [];
  return LICENCE_USES.filter((use) => uses.includes(use)).map((use) => t(`licence.use-${use}`));
};

const offerView = (row: OfferRow): OfferView => ({
  ...{ id: row.id, title: row.title, uses: usesOf(row.uses), text: row.text, forbids: row.forbids },
  ...{ revocation: row.revocation, priceCredits: row.price_credits, days: row.days },
  url: `/licence-offers/${row.id}`,
});

export async function listOffers(em: EntityManager, modelId: number): Promise<OfferView[]> {
  const found = await rows<OfferRow>(
    em,
    `select id, title, uses, text, forbids, revocation, price_credits, days from licence_offer
     where model_id = ? and closed_at is null order by created_at, id limit ${MOST_OFFERS}`,
    [modelId],
  );
  return found.map(offerView);
}

export async function loadLicenceShelf(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  modelId: number,
): Promise<LicenceShelf> {
  const [known] = await rows(em, 'select id from licence_offer where model_id = ? limit 1', [modelId]);
  if (!known) return EMPTY;
  const at = now();
  const held = viewer ? await grantsOf(em, viewer.id, [modelId], at) : [];
  return {
    offers: await listOffers(em, modelId),
    holders: await listHolders(em, modelId, at),
    mayGenerate: held.some(({ uses }) => uses.includes('personal') || uses.includes('commercial')),
    mineUrl: viewer ? '/licences' : '',
  };
}

/** Who was ever granted one, the newest first: also what was taken back or ran out, and which. */
async function listHolders(em: EntityManager, modelId: number, now: Date): Promise<HolderLine[]> {
  const found = await rows<{
    name: string;
    host: string;
    account_state: string;
    title: string;
    decided_at: unknown;
    expires_at: unknown;
    state: 'granted' | 'revoked';
  }>(
    em,
    `select a.name, a.host, a.state as account_state, g.title, g.decided_at, g.expires_at, g.state from licence_grant g
     join account a on a.id = g.holder_id where g.model_id = ? and g.state in ('granted', 'revoked')
     order by g.decided_at desc, g.id desc limit ${MOST_HOLDERS}`,
    [modelId],
  );
  return found.map((row) => {
    const isThere = row.account_state !== 'deleted';
    const expires = toDateOrNull(row.expires_at);
    return {
      holder: isThere ? handle(row) : t('credits.left'),
      holderUrl: isThere ? `/${handle(row)}` : '',
      title: row.title,
      grantedOn: toDate(row.decided_at).toISOString(),
      state: t(`licence.state-${row.state === 'granted' && expires && expires <= now ? 'expired' : row.state}`),
    };
  });
}

export interface GrantView {
  readonly id: string;
  readonly offerId: string;
  readonly modelId: number;
  readonly modelName: string;
  readonly title: string;
  readonly uses: readonly string[];
  readonly text: string;
  readonly forbids: string;
  readonly revocation: string;
  readonly state: string;
  readonly stateLabel: string;
  readonly paidCredits: number;
  readonly purpose: string;
  readonly answer: string;
  readonly askedAt: string;
  readonly decidedAt: string;
  readonly expiresAt: string;
  readonly endedAt: string;
  readonly holder: string;
  readonly holderId: number;
  readonly isForResale: boolean;
  readonly owner: string;
  readonly ownerId: number;
  readonly url: string;
}

interface GrantRow extends OfferRow {
  offer_id: string;
  model_id: number;
  model_name: string;
  state: string;
  paid_credits: unknown;
  purpose: string;
  answer: string;
  asked_at: unknown;
  decided_at: unknown;
  expires_at: unknown;
  ended_at: unknown;
  holder_id: number;
  holder_name: string;
  holder_host: string;
  owner_id: number;
  owner_name: string;
  owner_host: string;
}

const GRANTS = `select g.id, g.offer_id, g.model_id, m.name as model_name, g.title, g.uses, g.text, g.forbids, g.revocation,
    g.state, g.paid_credits, g.purpose, g.answer, g.asked_at, g.decided_at, g.expires_at, g.ended_at, g.holder_id,
    h.name as holder_name, h.host as holder_host, o.owner_id, a.name as owner_name, a.host as owner_host
  from licence_grant g join licence_offer o on o.id = g.offer_id join model m on m.id = g.model_id
  join account h on h.id = g.holder_id join account a on a.id = o.owner_id`;

export async function findGrant(em: EntityManager, id: string, now: Date): Promise<GrantView | null> {
  const [row] = await rows<GrantRow>(em, `${GRANTS} where g.id = ?`, [id]);
  return row ? grantView(row, now) : null;
}

const MOST_GRANTS = 200;

/** What somebody holds or asked for, and what others ask of them; the newest first. */
export async function listGrants(em: EntityManager, accountId: number, now: Date) {
  const of = async (whose: string) =>
    (
      await rows<GrantRow>(em, `${GRANTS} where ${whose} order by g.asked_at desc, g.id desc limit ${MOST_GRANTS}`, [
        accountId,
      ])
    ).map((row) => grantView(row, now));
  return { held: await of('g.holder_id = ?'), given: await of('o.owner_id = ?') };
}

function grantView(row: GrantRow, now: Date): GrantView {
  const expires = toDateOrNull(row.expires_at);
  const state = row.state === 'granted' && expires && expires <= now ? 'expired' : row.state;
  const iso = (value: unknown) => toDateOrNull(value)?.toISOString() ?? '';
  return {
    ...{ id: row.id, offerId: row.offer_id, modelId: row.model_id, modelName: row.model_name, title: row.title },
    ...{ uses: usesOf(row.uses), text: row.text, forbids: row.forbids, revocation: row.revocation, state },
    ...{ stateLabel: t(`licence.state-${state}`), paidCredits: toNumber(row.paid_credits) },
    ...{ purpose: row.purpose, answer: row.answer, askedAt: iso(row.asked_at), decidedAt: iso(row.decided_at) },
    ...{ expiresAt: iso(row.expires_at), endedAt: iso(row.ended_at) },
    holder: handle({ name: row.holder_name, host: row.holder_host }),
    owner: handle({ name: row.owner_name, host: row.owner_host }),
    isForResale: (fromJson<LicenceUse[]>(row.uses) ?? []).includes('resale'),
    ...{ holderId: row.holder_id, ownerId: row.owner_id, url: `/licences/${row.id}` },
  };
}
