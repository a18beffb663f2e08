import { z } from 'zod';
import { DecisionForm } from '../../../economy/licences/grant.ts';
import { LICENCE_USES } from '../../../economy/licences/model.ts';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import { askForRights, RightsAskForm } from '../../../moderation/rights/ask.ts';
import {
  decideRights,
  NameForm,
  nameLicensed,
  RightsRevocationForm,
  revokeRights,
  withdrawRights,
} from '../../../moderation/rights/decide.ts';
import { listHoldings } from '../../../moderation/rights/holdings.ts';
import { closeRightsOffer, createRightsOffer, RightsOfferForm } from '../../../moderation/rights/offer.ts';
import { RIGHTS } from '../../../moderation/rights/routes.ts';
import {
  findRightsGrant,
  listRightsGrants,
  listRightsOffers,
  type RightsGrantView,
  type RightsOfferView,
} from '../../../moderation/rights/view.ts';
import { defineOperation, defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ByUuid } from '../query.ts';
import { Done, done } from './said.ts';

const group = 'Licences of rights holders';
const scope = 'write:social';

const terms = {
  id: z.uuid(),
  url: z.url(),
  /** What is its owner's. */
  covers: z.string(),
  title: z.string(),
  uses: z.array(z.string()),
  text: z.string(),
  forbids: z.string(),
  /** When it may be taken back; '' is never. */
  revocation: z.string(),
  noticeDays: z.int(),
  owner: z.string(),
};
const Offer = z.object({ ...terms, priceCredits: z.int().nullable(), days: z.int().nullable() });
const Licence = z.object({
  ...terms,
  offerId: z.uuid(),
  licensee: z.string(),
  modelId: z.int().nullable(),
  state: z.string(),
  /** Also while the notice of one that was taken back runs. */
  holds: z.boolean(),
  paidCredits: z.int(),
  purpose: z.string(),
  answer: z.string(),
  askedAt: z.string(),
  decidedAt: z.string(),
  /** '' for ever. */
  expiresAt: z.string(),
});

const termsOf = ({ origin }: { origin: string }, view: RightsOfferView | RightsGrantView) => {
  const { id, covers, title, uses, text, forbids, revocation, noticeDays, owner } = view;
  const url = new URL(view.url, origin).href;
  return { id, url, covers, title, uses: [...uses], text, forbids, revocation, noticeDays, owner };
};
const offerOf = (ask: { origin: string }, view: RightsOfferView): z.output<typeof Offer> => ({
  ...termsOf(ask, view),
  ...{ priceCredits: view.priceCredits, days: view.days },
});
const licenceOf = (ask: { origin: string }, view: RightsGrantView): z.output<typeof Licence> => {
  const { offerId, licensee, modelId, state, holds, paidCredits, purpose, answer, askedAt, decidedAt, expiresAt } =
    view;
  return {
    ...termsOf(ask, view),
    ...{ offerId, licensee, modelId, state, holds, paidCredits, purpose, answer, askedAt, decidedAt, expiresAt },
  };
};

const ByNumber = z.object({ number: z.string().regex(/^C-[0-9A-Z]{10}$/) });
const credits = z.int().min(1).max(10_000_000);
const answer = z.string().max(500);

async function loadOwn(ask: OwnAsk, id: string): Promise<z.output<typeof Licence>> {
  const grant = await findRightsGrant(ask.em.fork(), id, ask.now());
  const isParty = grant?.ownerId === ask.viewer.id || grant?.licenseeId === ask.viewer.id;
  if (!grant || !isParty) throw new AppError('not_found', t('licence.no-grant'));
  return licenceOf(ask, grant);
}

export const RIGHTS_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/rights/offers', name: 'listRightsOffers', group },
    summary: 'What rights holders whose claims were upheld offer, the newest first.',
    query: z.object({ cursor: z.string().max(60).optional() }),
    answer: z.object({ items: z.array(Offer), metadata: z.object({ nextCursor: z.string() }) }),
    run: async (ask, { query }) => {
      const { items, nextBefore } = await listRightsOffers(ask.em, query.cursor ?? '');
      return { items: items.map((offer) => offerOf(ask, offer)), metadata: { nextCursor: nextBefore } };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/me/rights', name: 'listOwnRights', group, scope: 'read' },
    summary: 'One’s own upheld claims, and the licences that one holds, asked for, or is asked for.',
    answer: z.object({
      claims: z.array(z.object({ number: z.string(), type: z.string(), covers: z.string(), openOffers: z.int() })),
      held: z.array(Licence),
      given: z.array(Licence),
    }),
    run: async (ask) => {
      const { held, given } = await listRightsGrants(ask.em, ask.viewer.id, ask.now());
      const claims = await listHoldings(ask.em, ask.viewer.id);
      return {
        claims: claims.map(({ number, type, covers, openOffers }) => ({ number, type, covers, openOffers })),
        ...{ held: held.map((one) => licenceOf(ask, one)), given: given.map((one) => licenceOf(ask, one)) },
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/rights/claims/:number/offers', name: 'offerRights', group, scope },
    ...{ params: ByNumber, status: 201, once: true },
    summary: 'Offers terms for what an upheld claim of one’s own covers.',
    body: z.strictObject({
      ...{ covers: z.string().max(200), title: z.string().max(80), text: z.string().max(4_000) },
      uses: z.array(z.enum(LICENCE_USES)).min(1).max(LICENCE_USES.length),
      ...{ forbids: z.string().max(1_000).optional(), revocation: z.string().max(500).optional() },
      noticeDays: z.int().min(0).max(365).optional(),
      ...{ priceCredits: credits.nullish(), days: z.int().min(1).max(3_650).nullish() },
    }),
    answer: z.object({ id: z.uuid(), url: z.url() }),
    run: async (ask, { params, body }) => {
      ask.take(RIGHTS);
      const given = { ...body, priceCredits: body.priceCredits ?? '', days: body.days ?? '' };
      const form = checkForm(given, RightsOfferForm);
      const id = await createRightsOffer(ask, ask.deps.gallery.settings, ask.viewer, params.number, form);
      return { id, url: `${ask.origin}/rights/offers/${id}` };
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/rights/offers/:id', name: 'closeRightsOffer', group, scope, params: ByUuid },
    summary: 'Closes an offer; what was granted stays.',
    answer: Done,
    run: async (ask, { params }) => {
      await closeRightsOffer(ask, ask.viewer, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/rights/offers/:id/licences', name: 'askForRights', group, scope },
    ...{ params: ByUuid, status: 201 },
    summary: 'Asks for a licence, or pays for it where it has a price. The same key again is the same licence.',
    body: z.strictObject({
      key: z.uuid().toLowerCase(),
      /** As it is shown. */
      priceCredits: credits.nullish(),
      purpose: z.string().max(500).optional(),
      /** Absent for a model that is only planned. */
      modelId: z.int().min(1).max(2_147_483_647).nullish(),
    }),
    answer: Licence,
    run: async (ask, { params, body: { key, priceCredits, purpose = '', modelId } }) => {
      ask.take(RIGHTS);
      const form = checkForm({ key, purpose, price: priceCredits ?? '', modelId: modelId ?? '' }, RightsAskForm);
      return loadOwn(ask, await askForRights(ask, ask.deps.gallery.settings, ask.viewer, params.id, form));
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/rights/licences/:id', name: 'getRightsLicence', group, scope: 'read', params: ByUuid },
    summary: 'A licence, for its two parties.',
    answer: Licence,
    run: (ask, { params }) => loadOwn(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'post', path: '/rights/licences/:id/decision', name: 'decideRights', group, scope, params: ByUuid },
    summary: 'The rights holder grants or declines what is asked.',
    body: z.strictObject({ choice: z.enum(['grant', 'decline']), answer: answer.optional() }),
    answer: Licence,
    run: async (ask, { params, body }) => {
      await decideRights(ask, ask.viewer, params.id, checkForm(body, DecisionForm));
      return loadOwn(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/rights/licences/:id/revocation', name: 'revokeRights', group, scope, params: ByUuid },
    summary: 'The rights holder takes a licence back, where its terms say so, with the notice that they give.',
    body: z.strictObject({ answer: answer.min(1) }),
    answer: Licence,
    run: async (ask, { params, body }) => {
      await revokeRights(ask, ask.viewer, params.id, checkForm(body, RightsRevocationForm));
      return loadOwn(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/rights/licences/:id/model', name: 'nameLicensed', group, scope, params: ByUuid },
    summary: 'Says which model of one’s own a licence is for, once.',
    body: z.strictObject({ modelId: z.int().min(1).max(2_147_483_647) }),
    answer: Licence,
    run: async (ask, { params, body }) => {
      await nameLicensed(ask, ask.viewer, params.id, checkForm(body, NameForm));
      return loadOwn(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/rights/licences/:id', name: 'withdrawRights', group, scope, params: ByUuid },
    summary: 'Takes back what one asked for, before an answer.',
    answer: Done,
    run: async (ask, { params }) => {
      await withdrawRights(ask, ask.viewer, params.id);
      return done;
    },
  }),
];
