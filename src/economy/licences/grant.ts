import type { EntityManager, Loaded } from '@mikro-orm/core';
import { z } from 'zod';
import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { assertSees } from '../../gallery/access.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { openPurse } from '../allowance.ts';
import { licenceDecided, licenceRevoked, licenceTaken } from '../events.ts';
import { person } from '../ledger/accounts.ts';
import { InsufficientCredit, post } from '../ledger/post.ts';
import { creditSettings } from '../settings.ts';
import { LicenceGrant, LicenceOffer } from './model.ts';
import { findGrant, type GrantView } from './view.ts';

export const words = z
  .string()
  .transform((text) => text.replace(/\p{Cc}+/gu, ' ').trim())
  .pipe(z.string().max(500, 'At most 500 characters.'))
  .default('');

export const AskForm = z.object({
  /** Of the form as it was shown: sent twice, it is one. */
  key: z.uuid(),
  purpose: words,
  /** As it was shown; '' where one asks. */
  price: z.union([z.literal('').transform(() => null), z.coerce.number().int().min(1)]).default(null),
});

export const MOST_ASKED = 20;
const DAY_MS = 86_400_000;

type FullOffer = Loaded<LicenceOffer, 'model' | 'owner'>;

/** Throws `not_found`, `gone` and `withheld` as the page of its model does. */
export async function loadOffer({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<FullOffer> {
  const offer = await em.findOne(LicenceOffer, { id }, { populate: ['model', 'owner'] });
  if (!offer) throw new AppError('not_found', t('licence.no-offer'));
  await assertSees(em, viewer, { kind: 'model', id: offer.model.id });
  return offer;
}

/**
 * Asks for a licence, or, where it has a price, pays and has it. Throws `conflict` for what is closed, held or asked
 * already or has another price, `forbidden` across a block, `insufficient_credit`, and `invalid` for words and what is
 * one's own. Returns the grant.
 */
export async function askForLicence(
  work: Pick<Work, 'em' | 'words' | 'now'>,
  settings: Settings,
  viewer: Viewer,
  offerId: string,
  { key, purpose, price }: z.output<typeof AskForm>,
): Promise<string> {
  const { em, now } = work;
  const offer = await loadOffer({ em, viewer }, offerId);
  if (offer.owner.id === viewer.id) throw new AppError('invalid', t('licence.own'));
  const known = await em.findOne(LicenceGrant, { id: key, holder: viewer.id });
  if (known) return known.id;
  if (offer.closedAt != null) throw new AppError('conflict', t('licence.closed'));
  if ((offer.priceCredits ?? null) !== price) throw new AppError('conflict', t('licence.other-price'));
  if (offer.owner.$.state !== 'active') throw new AppError('conflict', t('licence.closed'));
  if (await isBlockedEither({ em }, viewer.id, offer.owner.id)) throw new AppError('forbidden', t('licence.refused'));
  await assertSayable(work, viewer, { purpose });
  if (price === null && purpose === '')
    throw new AppError('invalid', t('licence.say-what-for'), { fields: { purpose: t('licence.say-what-for') } });
  const rules = await settings.read(em, creditSettings);
  if (price !== null && !rules.isOn) throw new AppError('conflict', t('credits.off'));
  const { balance } = price === null ? { balance: 0 } : await openPurse(em, viewer.id, rules, now());
  const at = now();
  await em.fork().transactional(async (tx) => {
    // one after the other, so that nobody has one twice
    await rows(tx, 'update licence_offer set days = days where id = ? returning id', [offerId]);
    const standing = await tx.count(LicenceGrant, {
      offer: offerId,
      holder: viewer.id,
      $or: [{ state: 'asked' }, { state: 'granted', $or: [{ expiresAt: null }, { expiresAt: { $gt: at } }] }],
    });
    if (standing > 0) throw new AppError('conflict', t('licence.has-it'));
    const asked = await tx.count(LicenceGrant, { holder: viewer.id, state: 'asked' });
    if (asked >= MOST_ASKED) throw new AppError('conflict', t('licence.asked-enough', { n: MOST_ASKED }));
    const grant = tx.create(
      LicenceGrant,
      {
        ...{ id: key, offer: tx.getReference(LicenceOffer, offerId), model: tx.getReference(Model, offer.model.id) },
        holder: tx.getReference(Account, viewer.id),
        ...termsOf(offer),
        ...{ purpose, state: price === null ? 'asked' : 'granted', askedAt: at, paidCredits: price ?? 0 },
        ...(price === null ? {} : { decidedAt: at, expiresAt: expiryOf(offer, at) }),
      },
      { persist: true },
    );
    record(tx, licenceTaken, { grantId: key });
    await tx.flush();
    if (price === null) return;
    const paid = { fromId: viewer.id, toId: offer.owner.id, price, balance };
    await payLicence(tx, { kind: 'licence', id: key }, paid, at);
    await entitle(tx, grant, at);
  });
  return key;
}

type Terms = Pick<LicenceOffer, 'title' | 'uses' | 'text' | 'forbids' | 'revocation'>;

export const termsOf = ({ title, uses, text, forbids, revocation }: Terms): Terms => ({
  title,
  uses,
  text,
  forbids,
  revocation,
});

export const expiryOf = ({ days }: Pick<LicenceOffer, 'days'>, from: Date): Date | null =>
  days == null ? null : new Date(from.getTime() + days * DAY_MS);

interface Paid {
  readonly fromId: number;
  readonly toId: number;
  readonly price: number;
  /** What the payer had, for the words of a refusal. */
  readonly balance: number;
}

/** Moves the price of a licence. Throws `insufficient_credit`. */
export async function payLicence(
  tx: EntityManager,
  subject: { readonly kind: string; readonly id: string },
  { fromId, toId, price, balance }: Paid,
  at: Date,
): Promise<void> {
  const moves = [
    { account: person(fromId), amount: -price },
    { account: person(toId), amount: price },
  ];
  try {
    await post(tx, { key: `licence:${subject.id}`, kind: 'licence', moves, at, subject });
  } catch (error) {
    if (!(error instanceof InsufficientCredit)) throw error;
    const said = { price: price.toLocaleString('en'), balance: balance.toLocaleString('en') };
    throw new AppError('insufficient_credit', t('early.too-few', said));
  }
}

/** What serves files asks for this row, and knows nothing of licences. */
const entitle = (tx: EntityManager, { id, holder, model, expiresAt }: LicenceGrant, at: Date) =>
  rows(
    tx,
    `insert into entitlement (id, account_id, model_id, version_id, source, source_id, expires_at, created_at)
     values (?, ?, ?, null, 'licence', ?, ?, ?) on conflict (source, source_id) do nothing returning id`,
    [newId(), holder.id, model.id, id, expiresAt ?? null, at],
  );

export const DecisionForm = z.object({ choice: z.enum(['grant', 'decline']), answer: words });

/** The owner's answer. Throws `not_found` for what is not asked of them, `conflict` for what was answered. */
export async function decideLicence(
  work: Pick<Work, 'em' | 'words' | 'now'>,
  viewer: Viewer,
  grantId: string,
  { choice, answer }: z.output<typeof DecisionForm>,
): Promise<void> {
  const { em, now } = work;
  await loadParty(work, viewer, grantId, 'owner');
  await assertSayable(work, viewer, { answer });
  const at = now();
  await em.fork().transactional(async (tx) => {
    const grant = await tx.findOneOrFail(LicenceGrant, { id: grantId }, { populate: ['offer', 'holder'] });
    if (choice === 'grant' && grant.holder.$.state !== 'active') throw new AppError('conflict', t('licence.answered'));
    const expiresAt = choice === 'grant' ? expiryOf(grant.offer.$, at) : null;
    const state = choice === 'grant' ? 'granted' : 'declined';
    const done = await tx.nativeUpdate(
      LicenceGrant,
      { id: grantId, state: 'asked' },
      { state, answer, decidedAt: at, expiresAt },
    );
    if (done === 0) throw new AppError('conflict', t('licence.answered'));
    if (choice === 'grant') await entitle(tx, Object.assign(grant, { expiresAt }), at);
    record(tx, licenceDecided, { grantId });
    await tx.flush();
  });
}

/** Who asked takes it back before an answer. */
export async function withdrawAsking(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  grantId: string,
): Promise<void> {
  await loadParty({ em, now }, viewer, grantId, 'holder');
  const done = await em.nativeUpdate(
    LicenceGrant,
    { id: grantId, state: 'asked' },
    { state: 'withdrawn', endedAt: now() },
  );
  if (done === 0) throw new AppError('conflict', t('licence.answered'));
}

export const RevocationForm = z.object({ answer: words.pipe(z.string().min(1, 'Say which of the terms you go by.')) });

/** The owner takes a licence back, where its terms say that they may. Throws `forbidden` where they do not. */
export async function revokeLicence(
  work: Pick<Work, 'em' | 'words' | 'now'>,
  viewer: Viewer,
  grantId: string,
  { answer }: z.output<typeof RevocationForm>,
): Promise<void> {
  const { em, now } = work;
  const grant = await loadParty(work, viewer, grantId, 'owner');
  if (grant.revocation === '') throw new AppError('forbidden', t('licence.not-revocable'));
  await assertSayable(work, viewer, { answer });
  await em.fork().transactional(async (tx) => {
    const change = { state: 'revoked' as const, answer, endedAt: now() };
    const done = await tx.nativeUpdate(LicenceGrant, { id: grantId, state: 'granted' }, change);
    if (done === 0) throw new AppError('conflict', t('licence.answered'));
    record(tx, licenceRevoked, { grantId });
    await tx.flush();
    await rows(tx, `update entitlement set ended_at = ? where source = 'licence' and source_id = ? returning id`, [
      ...[now(), grantId],
    ]);
  });
}

/** Throws `not_found` for whoever is not that party. */
async function loadParty(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  grantId: string,
  party: 'owner' | 'holder',
): Promise<GrantView> {
  const grant = await findGrant(em, grantId, now());
  const partyId = party === 'owner' ? grant?.ownerId : grant?.holderId;
  if (!grant || partyId !== viewer.id) throw new AppError('not_found', t('licence.no-grant'));
  return grant;
}
