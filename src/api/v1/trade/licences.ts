import { z } from 'zod';
import { can } from '../../../accounts/permissions.ts';
import {
  AskForm,
  askForLicence,
  DecisionForm,
  decideLicence,
  RevocationForm,
  revokeLicence,
  withdrawAsking,
} from '../../../economy/licences/grant.ts';
import { LICENCE_USES } from '../../../economy/licences/model.ts';
import { closeOffer, createOffer, OfferForm } from '../../../economy/licences/offer.ts';
import { ASK } from '../../../economy/licences/routes.ts';
import { findGrant, type GrantView, listGrants, listOffers } from '../../../economy/licences/view.ts';
import { assertSees } from '../../../gallery/access.ts';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import { defineOperation, defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, ByUuid } from '../query.ts';
import { Done, done } from '../write/said.ts';

const group = 'Licences';

const terms = {
  title: z.string(),
  uses: z.array(z.string()),
  text: z.string(),
  forbids: z.string(),
  revocation: z.string(),
};
const Offer = z.object({
  id: z.uuid(),
  ...terms,
  priceCredits: z.int().nullable(),
  days: z.int().nullable(),
  url: z.url(),
});
const Grant = z.object({
  ...{ id: z.uuid(), offerId: z.uuid(), modelId: z.int(), modelName: z.string(), ...terms },
  ...{ state: z.string(), paidCredits: z.int(), purpose: z.string(), answer: z.string(), url: z.url() },
  ...{ holder: z.string(), owner: z.string(), askedAt: z.string(), decidedAt: z.string(), expiresAt: z.string() },
});

const grantOf = (ask: OwnAsk, view: GrantView): z.output<typeof Grant> => {
  const { id, offerId, modelId, modelName, title, uses, text, forbids, revocation, state, paidCredits } = view;
  const { purpose, answer, holder, owner, askedAt, decidedAt, expiresAt } = view;
  return {
    ...{ id, offerId, modelId, modelName, title, uses: [...uses], text, forbids, revocation, state, paidCredits },
    ...{ purpose, answer, askedAt, decidedAt, expiresAt, holder: holder.slice(1), owner: owner.slice(1) },
    url: new URL(view.url, ask.origin).href,
  };
};

async function loadGrant(ask: OwnAsk, id: string): Promise<z.output<typeof Grant>> {
  const grant = await findGrant(ask.em.fork(), id, ask.now());
  const isParty = grant !== null && [grant.ownerId, grant.holderId].includes(ask.viewer.id);
  if (!grant || !(isParty || can(ask.viewer, 'moderateContent')))
    throw new AppError('not_found', t('licence.no-grant'));
  return grantOf(ask, grant);
}

const words = z.string().max(1_000);
const OFFER_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/models/:id/licence-offers', name: 'listLicenceOffers', group },
    summary: 'Terms under which a model is to be had.',
    ...{ params: ById, answer: z.object({ items: z.array(Offer) }) },
    run: async ({ em, viewer, origin }, { params: { id } }) => {
      await assertSees(em, viewer, { kind: 'model', id });
      const offers = await listOffers(em, id);
      return { items: offers.map((one) => ({ ...one, uses: [...one.uses], url: new URL(one.url, origin).href })) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/models/:id/licence-offers', name: 'offerLicence', group, scope: 'write:models' },
    ...{ status: 201, once: true, params: ById, answer: z.object({ id: z.uuid() }) },
    summary: 'Offers terms for a model of one’s own. Without a price, one is asked and decides.',
    body: z.strictObject({
      title: z.string().min(1).max(80),
      uses: z.array(z.enum(LICENCE_USES)).min(1).max(LICENCE_USES.length),
      text: z.string().min(1).max(4_000),
      forbids: words.default(''),
      revocation: z.string().max(500).default(''),
      priceCredits: z.int().min(1).max(10_000_000).nullable().default(null),
      days: z.int().min(1).max(3_650).nullable().default(null),
    }),
    run: async (ask, { params, body }) => {
      ask.take(ASK);
      const form = { ...body, priceCredits: body.priceCredits ?? '', days: body.days ?? '' };
      return { id: await createOffer(ask, ask.deps.economy.settings, params.id, checkForm(form, OfferForm)) };
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/licence-offers/:id', name: 'closeLicenceOffer', group, scope: 'write:models' },
    summary: 'Offers it no more; what was granted stays.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await closeOffer(ask, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/licence-offers/:id/grants', name: 'askForLicence', group, scope: 'credits' },
    ...{ status: 201, once: true, params: ByUuid, answer: Grant },
    summary: 'Asks for a licence, or pays for it and has it. `price` is what was shown; none where one asks.',
    body: z.strictObject({ purpose: words.default(''), price: z.int().min(1).max(10_000_000).optional() }),
    run: async (ask, { params, body: { purpose, price } }) => {
      ask.take(ASK);
      const form = checkForm({ key: newId(), purpose, price: price ?? '' }, AskForm);
      return loadGrant(ask, await askForLicence(ask, ask.deps.economy.settings, ask.viewer, params.id, form));
    },
  }),
];

export const LICENCE_OPERATIONS: readonly Operation[] = [
  ...OFFER_OPERATIONS,
  defineOwn({
    ...{ method: 'get', path: '/licences', name: 'listLicences', group, scope: 'read' },
    summary: 'What one holds or asked for, and what others hold or ask of one.',
    answer: z.object({ held: z.array(Grant), given: z.array(Grant) }),
    run: async (ask) => {
      const { held, given } = await listGrants(ask.em, ask.viewer.id, ask.now());
      return { held: held.map((one) => grantOf(ask, one)), given: given.map((one) => grantOf(ask, one)) };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/licences/:id/decision', name: 'decideLicence', group, scope: 'write:models' },
    summary: 'Grants what was asked, or declines it.',
    params: ByUuid,
    body: z.strictObject({ choice: z.enum(['grant', 'decline']), answer: words.default('') }),
    answer: Grant,
    run: async (ask, { params, body }) => {
      await decideLicence(ask, ask.viewer, params.id, checkForm(body, DecisionForm));
      return loadGrant(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/licences/:id/withdrawal', name: 'withdrawLicenceRequest', group, scope: 'credits' },
    summary: 'Takes back what one asked for.',
    ...{ params: ByUuid, answer: Grant },
    run: async (ask, { params }) => {
      await withdrawAsking(ask, ask.viewer, params.id);
      return loadGrant(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/licences/:id/revocation', name: 'revokeLicence', group, scope: 'write:models' },
    summary: 'Takes a licence back, where its terms say that one may, and says which of them.',
    ...{ params: ByUuid, body: z.strictObject({ answer: words.min(1) }), answer: Grant },
    run: async (ask, { params, body }) => {
      await revokeLicence(ask, ask.viewer, params.id, checkForm(body, RevocationForm));
      return loadGrant(ask, params.id);
    },
  }),
];
