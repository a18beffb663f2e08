import { z } from 'zod';
import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { setClock, stopClocks } from '../clocks/set.ts';
import { requireDecider } from '../decide/bars.ts';
import { writeDecision } from '../decide/decide.ts';
import { OFFERS, OutcomeFields, parametersOf, refuseUnfit } from '../decide/outcomes.ts';
import type { Desk } from '../desk.ts';
import type { ClaimCase } from '../model/case.ts';
import { CaseOffer, type Party } from '../model/talk.ts';
import { AGREED } from '../strikes/strikes.ts';
import { moveCase } from '../transitions/move.ts';
import { DAY } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

export const OfferForm = OutcomeFields.extend({ outcome: z.enum(OFFERS, t('case.error-outcome')) });
const MOST_OFFERS = 40;
const VETO_MS = 2 * DAY;

/**
 * Proposes an outcome (spec/takedowns.md 2.5). Who proposes has accepted it; an open offer of the other side is answered
 * by it. Offers are made while the uploader's window is open: an agreement is carried out without a moderator's decision.
 */
export async function makeOffer(
  work: Actor,
  desk: Desk,
  kase: ClaimCase,
  party: Party,
  form: z.output<typeof OfferForm>,
): Promise<void> {
  const { em, now } = work;
  if (kase.state !== 'notified') throw new AppError('conflict', 'Offers are made while the uploader can answer.');
  if (party === 'moderator') await requireDecider(work, kase.id, 'case.offer');
  const parameters = parametersOf(form);
  refuseUnfit(kase, form.outcome, parameters);
  if ((await em.count(CaseOffer, { caseId: kase.id })) >= MOST_OFFERS) {
    throw new AppError('conflict', 'This case has as many offers as it can have.');
  }
  await em.transactional(async (inner) => {
    const open = await inner.find(CaseOffer, { caseId: kase.id, state: 'open' });
    for (const offer of open) if (offer.by !== party || party !== 'moderator') offer.state = 'countered';
    inner.create(
      CaseOffer,
      {
        ...{ id: newId(), caseId: kase.id, by: party, outcome: form.outcome, parameters, state: 'open' },
        claimantAcceptedAt: party === 'claimant' ? now() : null,
        uploaderAcceptedAt: party === 'uploader' ? now() : null,
        createdAt: now(),
      },
      { persist: true },
    );
    const within = { ...work, em: inner };
    if (party !== 'claimant') await tellClaimant(within, desk, kase, 'offer');
    if (party !== 'uploader') await tellUploader(within, desk, kase, 'offer');
  });
}

/** A party accepts: with both, moderators have 48 hours for a veto, and then it is carried out as it stands. */
export async function acceptOffer(
  work: Actor,
  desk: Desk,
  kase: ClaimCase,
  party: Exclude<Party, 'moderator'>,
  offerId: string,
): Promise<void> {
  await audited(work, async (em) => {
    const offer = await loadOpen(em, kase, offerId);
    const now = work.now();
    if (party === 'claimant') offer.claimantAcceptedAt ??= now;
    else offer.uploaderAcceptedAt ??= now;
    if (offer.claimantAcceptedAt && offer.uploaderAcceptedAt) {
      offer.state = 'agreed';
      await setClock(em, kase.id, 'agree', new Date(now.getTime() + VETO_MS));
      await tellClaimant({ ...work, em }, desk, kase, 'agreed');
      await tellUploader({ ...work, em }, desk, kase, 'agreed');
    }
    return { result: null, entries: [entryOf('case.accept-offer', kase, offer, party)] };
  });
}

export async function declineOffer(
  work: Actor,
  kase: ClaimCase,
  party: Exclude<Party, 'moderator'>,
  offerId: string,
): Promise<void> {
  await audited(work, async (em) => {
    const offer = await loadOpen(em, kase, offerId);
    offer.state = 'declined';
    return { result: null, entries: [entryOf('case.decline-offer', kase, offer, party)] };
  });
}

/** A moderator keeps the two from what they agreed on, and decides it. */
export async function vetoOffer(work: Actor, caseId: string, offerId: string, reason: string): Promise<void> {
  await requireDecider(work, caseId, 'case.veto-offer');
  await moveCase(work, caseId, {
    ...{ trigger: 'escalate', reason, facts: { veto: offerId } },
    act: async (em) => {
      const offer = await em.findOne(CaseOffer, { id: offerId, caseId, state: 'agreed' });
      if (!offer) throw new AppError('conflict', 'There is no agreement to stop.');
      offer.state = 'vetoed';
      await stopClocks(em, caseId, ['agree', 'window']);
    },
  });
}

const entryOf = (action: string, { id }: ClaimCase, offer: CaseOffer, role: string) => ({
  ...{ action, role, subject: { kind: 'case', id } },
  after: { offer: offer.id, outcome: offer.outcome, state: offer.state },
});

async function loadOpen(em: Work['em'], kase: ClaimCase, offerId: string): Promise<CaseOffer> {
  const offer = await em.findOne(CaseOffer, { id: offerId, caseId: kase.id }, { refresh: true });
  if (!offer) throw new AppError('not_found', 'There is no such offer.');
  if (offer.state !== 'open' || kase.state !== 'notified')
    throw new AppError('conflict', 'This offer is not open any more.');
  return offer;
}

/** The time for a veto is over: what both accepted becomes the decision. */
export async function carryOutAgreement(work: Actor, caseId: string): Promise<void> {
  await moveCase(work, caseId, {
    ...{ trigger: 'agree', role: 'timer' },
    act: async (em, kase) => {
      const offer = await em.findOne(CaseOffer, { caseId, state: 'agreed' });
      if (!offer) throw new AppError('conflict', 'There is no agreement.');
      offer.state = 'carried_out';
      const { outcome, parameters } = offer;
      const decision = { outcome, parameters, rule: AGREED, facts: t('case.facts-agreed'), deciderId: null };
      await writeDecision(em, kase, decision, work.now());
    },
  });
}

export const hasAgreement = async (em: Work['em'], caseId: string): Promise<boolean> =>
  (await em.count(CaseOffer, { caseId, state: 'agreed' })) > 0;
