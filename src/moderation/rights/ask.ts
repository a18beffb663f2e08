import type { EntityManager, Loaded } from '@mikro-orm/core';
import { z } from 'zod';
import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { openPurse } from '../../economy/allowance.ts';
import { AskForm, expiryOf, MOST_ASKED, payLicence, termsOf } from '../../economy/licences/grant.ts';
import { creditSettings } from '../../economy/settings.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { rightsAsked } from './events.ts';
import { isUpheld } from './holdings.ts';
import { RightsGrant, RightsOffer } from './model.ts';

export const RightsAskForm = AskForm.extend({
  /** Of a model of one's own, drafts and what is withheld too; null for one that is only planned. */
  modelId: z
    .union([z.literal('').transform(() => null), z.coerce.number().int().min(1).max(2_147_483_647)])
    .default(null),
});

type FullOffer = Loaded<RightsOffer, 'owner'>;

/** Public: an offer is made to everybody. Throws `not_found`, also when its owner left. */
export async function loadRightsOffer({ em }: Pick<Work, 'em'>, id: string): Promise<FullOffer> {
  const offer = await em.findOne(RightsOffer, { id }, { populate: ['owner'] });
  if (offer?.owner.$.state !== 'active') throw new AppError('not_found', t('licence.no-offer'));
  return offer;
}

/** Can it be asked for: open, and the claim that it rests on still stands. */
export const isOpenOffer = async (em: EntityManager, { closedAt, caseId }: RightsOffer): Promise<boolean> =>
  closedAt == null && (await isUpheld(em, caseId));

/** One's own model of this node, whatever its state: a licence is asked for what was taken down. Throws `invalid`. */
export async function findLicensedModel(em: EntityManager, viewer: Viewer, modelId: number): Promise<Model> {
  const model = await em.findOne(Model, { id: modelId, owner: viewer.id, isLocal: true });
  const message = t('rights.not-your-model');
  if (!model || model.deletedAt != null) throw new AppError('invalid', message, { fields: { modelId: message } });
  return model;
}

/**
 * Asks for a licence, or, where it has a price, pays and has it. Throws `conflict` for what is closed, held or asked
 * already or has another price, `forbidden` across a block, `insufficient_credit`, and `invalid` at the field.
 */
export async function askForRights(
  work: Pick<Work, 'em' | 'words' | 'now'>,
  settings: Settings,
  viewer: Viewer,
  offerId: string,
  { key, purpose, price, modelId }: z.output<typeof RightsAskForm>,
): Promise<string> {
  const { em, now } = work;
  const offer = await loadRightsOffer(work, offerId);
  if (offer.owner.id === viewer.id) throw new AppError('invalid', t('licence.own'));
  const known = await em.findOne(RightsGrant, { id: key });
  if (known?.licensee.id === viewer.id) return known.id;
  if (known) throw new AppError('conflict', t('bounty.key-taken'));
  if (!(await isOpenOffer(em, offer))) throw new AppError('conflict', t('licence.closed'));
  if ((offer.priceCredits ?? null) !== price) throw new AppError('conflict', t('licence.other-price'));
  if (await isBlockedEither({ em }, viewer.id, offer.owner.id)) throw new AppError('forbidden', t('licence.refused'));
  const model = modelId === null ? null : await findLicensedModel(em, viewer, modelId);
  await assertSayable(work, viewer, { purpose });
  const empty = t('licence.say-what-for');
  if (price === null && purpose === '') throw new AppError('invalid', empty, { fields: { purpose: empty } });
  const rules = await settings.read(em, creditSettings);
  if (price !== null && !rules.isOn) throw new AppError('conflict', t('credits.off'));
  const at = now();
  const { balance } = price === null ? { balance: 0 } : await openPurse(em, viewer.id, rules, at);
  await em.fork().transactional(async (tx) => {
    await assertFirst(tx, viewer, offerId, modelId, at);
    tx.create(
      RightsGrant,
      {
        ...{ id: key, offer: tx.getReference(RightsOffer, offerId), licensee: tx.getReference(Account, viewer.id) },
        ...{ model: model && tx.getReference(Model, model.id), covers: offer.covers, noticeDays: offer.noticeDays },
        ...termsOf(offer),
        ...{ purpose, state: price === null ? 'asked' : 'granted', askedAt: at, paidCredits: price ?? 0 },
        ...(price === null ? {} : { decidedAt: at, expiresAt: expiryOf(offer, at) }),
      },
      { persist: true },
    );
    record(tx, rightsAsked, { grantId: key });
    await tx.flush();
    if (price === null) return;
    const paid = { fromId: viewer.id, toId: offer.owner.id, price, balance };
    await payLicence(tx, { kind: 'rights-licence', id: key }, paid, at);
  });
  return key;
}

/** One after the other, so that nobody has one twice for the same model. Throws `conflict`. */
async function assertFirst(
  tx: EntityManager,
  viewer: Viewer,
  offerId: string,
  modelId: number | null,
  at: Date,
): Promise<void> {
  await rows(tx, 'update rights_offer set days = days where id = ? returning id', [offerId]);
  const standing = await tx.count(RightsGrant, {
    ...{ offer: offerId, licensee: viewer.id, model: modelId },
    $or: [{ state: 'asked' }, { state: 'granted', $or: [{ expiresAt: null }, { expiresAt: { $gt: at } }] }],
  });
  if (standing > 0) throw new AppError('conflict', t('licence.has-it'));
  const asked = await tx.count(RightsGrant, { licensee: viewer.id, state: 'asked' });
  if (asked >= MOST_ASKED) throw new AppError('conflict', t('licence.asked-enough', { n: MOST_ASKED }));
}
