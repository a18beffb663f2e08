import type { EntityManager } from '@mikro-orm/core';
import type { Work } from '../../../kit/work.ts';
import { isUpheld } from '../../rights/holdings.ts';
import { findRightsGrant, listOffersOfCase, type RightsOfferView } from '../../rights/view.ts';
import type { Desk } from '../desk.ts';
import { CITES } from '../licences/cite.ts';
import { findPermission } from '../licences/find.ts';
import { type ClaimCase, targetOf } from '../model/case.ts';
import { CaseLicence } from '../model/redress.ts';
import { isSevere } from '../types/types.ts';

/** A licence of the claimant that is cited in a case. */
export interface CitedView {
  readonly title: string;
  readonly url: string;
  readonly covers: string;
  readonly uses: readonly string[];
  readonly stateLabel: string;
  readonly holds: boolean;
  readonly owner: string;
  readonly licensee: string;
  readonly grantedAt: string;
  /** ISO; '' for ever. */
  readonly until: string;
  /** By whom it is cited: the node did when the case opened. */
  readonly stance: 'node' | 'uploader' | 'refused' | 'accepted';
  readonly isRefused: boolean;
  readonly reason: string;
}

/** The one that stands, or the last that was turned down. */
export async function findCitedView(
  em: EntityManager,
  { id: caseId, state }: Pick<ClaimCase, 'id' | 'state'>,
  now: Date,
): Promise<CitedView | null> {
  const all = await em.find(CaseLicence, { caseId }, { orderBy: { citedAt: 'desc' } });
  const cited = all.find(({ refusedAt }) => refusedAt == null) ?? all[0];
  const grant = cited && (await findRightsGrant(em, cited.grantId, now));
  if (!cited || !grant) return null;
  const { title, url, covers, uses, stateLabel, holds, owner, licensee } = grant;
  return {
    ...{ title, url, covers, uses, stateLabel, holds, owner, licensee },
    ...{
      grantedAt: grant.decidedAt,
      until: grant.expiresAt,
      stance: cited.refusedAt != null ? 'refused' : state === 'reinstated' ? 'accepted' : cited.citedBy,
    },
    ...{ isRefused: cited.refusedAt != null, reason: cited.reason },
  };
}

/** What a party of a case sees of licences. */
export interface RightsPanel {
  readonly offers: readonly Pick<RightsOfferView, 'title' | 'uses' | 'priceCredits' | 'url'>[];
  readonly cited: CitedView | null;
  /** A licence that the uploader holds and may cite; '' where there is none. */
  readonly mayCite: string;
  /** Where the claimant offers terms; '' while they cannot. */
  readonly offerUrl: string;
  /** The claim was filed without an account, and the claimant is signed in with one. */
  readonly mayAdopt: boolean;
}

type Reader = Pick<Work, 'em' | 'viewer' | 'now'>;

/** `main` is the case that theirs went into, or itself. */
export async function claimantRights(
  { em, viewer, now }: Reader,
  own: ClaimCase,
  main: ClaimCase,
): Promise<RightsPanel | null> {
  if (isSevere(own.type)) return null;
  const isOpen = await isUpheld(em, own.id);
  const isTheirs = viewer !== null && own.filerId === viewer.id;
  const cited = await findCitedView(em, main, now());
  const mayAdopt = isOpen && own.filerId == null && viewer !== null && viewer.id !== own.uploaderId;
  if (!isOpen && !cited) return null;
  return {
    ...{ cited, mayCite: '', mayAdopt, offers: isOpen ? await listOffersOfCase(em, own.id) : [] },
    offerUrl: isOpen && isTheirs ? `/rights/claims/${own.number}` : '',
  };
}

/** Offers that rest on this claim, with the model that it is about filled in. */
export async function uploaderRights({ em, now }: Reader, desk: Desk, kase: ClaimCase): Promise<RightsPanel | null> {
  if (isSevere(kase.type)) return null;
  const target = targetOf(kase);
  const about = target?.kind === 'model' ? `?model=${target.id}` : '';
  const offers = (await listOffersOfCase(em, kase.id)).map((offer) => ({ ...offer, url: `${offer.url}${about}` }));
  const cited = await findCitedView(em, kase, now());
  const isFree = CITES.includes(kase.state) && (cited === null || cited.isRefused);
  const permission = isFree ? await findPermission(em, desk, kase, now()) : null;
  if (offers.length === 0 && !cited && !permission) return null;
  return { offers, cited, mayCite: permission?.title ?? '', offerUrl: '', mayAdopt: false };
}
