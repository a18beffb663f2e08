import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { publisher } from '../../catalogue/own.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { assertNotShut } from '../../safety/standing.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { creditSettings } from '../settings.ts';
import { LICENCE_USES, LicenceOffer } from './model.ts';
import { MOST_OFFERS } from './view.ts';

const plain = (most: number) =>
  z
    .string()
    .transform((text) =>
      text
        .replace(/\r\n?/g, '\n')
        .replace(/[^\P{Cc}\n]+/gu, ' ')
        .trim(),
    )
    .pipe(z.string().max(most, `At most ${most.toLocaleString('en')} characters.`));
export const line = (most: number) => plain(most).transform((text) => text.replace(/\s+/g, ' '));

/** '' is null. */
const numberOrNone = (most: number) =>
  z
    .union([
      z.literal('').transform(() => null),
      z.coerce
        .number('Give a whole number.')
        .int('Give a whole number.')
        .min(1, 'At least 1.')
        .max(most, `At most ${most.toLocaleString('en')}.`),
    ])
    .default(null);

export const OfferForm = z.object({
  title: line(80).pipe(z.string().min(1, 'Give it a name.')),
  uses: z
    .union([z.enum(LICENCE_USES).transform((one) => [one]), z.array(z.enum(LICENCE_USES))], 'Choose at least one.')
    .transform((uses) => [...new Set(uses)])
    .pipe(z.array(z.enum(LICENCE_USES)).min(1, 'Choose at least one.')),
  text: plain(4_000).pipe(z.string().min(1, 'Write the terms.')),
  forbids: plain(1_000).default(''),
  revocation: plain(500).default(''),
  priceCredits: numberOrNone(10_000_000),
  days: numberOrNone(3_650),
});

/** The viewer's own model of this node. Throws `not_found`, `gone` and `withheld`. */
export async function loadLicensable({ em, viewer }: Pick<Work, 'em' | 'viewer'>, modelId: number): Promise<Model> {
  const model = await em.findOne(Model, modelId);
  if (!model?.isLocal || model.owner.id !== viewer?.id) throw new AppError('not_found', t('licence.no-model'));
  if (model.deletedAt != null) throw new AppError('gone', 'This was deleted.');
  await assertNotShut(em, [{ kind: 'model', id: modelId }]);
  return model;
}

/** Throws `invalid` at the field for a price that the node does not allow. */
export async function assertPrice(em: EntityManager, settings: Settings, priceCredits: number | null): Promise<void> {
  if (priceCredits === null) return;
  const { licenceMostPrice, isOn } = await settings.read(em, creditSettings);
  const wrong = (message: string) => new AppError('invalid', message, { fields: { priceCredits: message } });
  if (!isOn) throw wrong(t('credits.off'));
  if (priceCredits > licenceMostPrice) throw wrong(t('licence.too-dear', { n: licenceMostPrice.toLocaleString('en') }));
}

/** Offers terms for a model. Throws `conflict` beyond what a model may have, `invalid` at the field. */
export async function createOffer(
  work: Pick<Work, 'em' | 'viewer' | 'words' | 'now'>,
  settings: Settings,
  modelId: number,
  form: z.output<typeof OfferForm>,
): Promise<string> {
  const { em, viewer, now } = work;
  const author = publisher(viewer);
  const model = await loadLicensable(work, modelId);
  await assertPrice(em, settings, form.priceCredits);
  const { title, text, forbids, revocation } = form;
  await assertSayable(work, author, { title, text, forbids, revocation });
  const count = await em.count(LicenceOffer, { model: modelId, closedAt: null });
  if (count >= MOST_OFFERS) throw new AppError('conflict', t('licence.too-many', { n: MOST_OFFERS }));
  const id = newId();
  em.create(
    LicenceOffer,
    { id, model, owner: em.getReference(Account, author.id), ...form, createdAt: now() },
    { persist: true },
  );
  await em.flush();
  return id;
}

/** Nobody can ask for it any more; what was granted stays. */
export async function closeOffer(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  id: string,
): Promise<LicenceOffer> {
  const offer = await em.findOne(LicenceOffer, { id, owner: viewer?.id ?? 0 });
  if (!offer) throw new AppError('not_found', t('licence.no-offer'));
  offer.closedAt ??= now();
  await em.flush();
  return offer;
}

/** After its maker left. */
export const closeOffersOf = (em: EntityManager, accountId: number, now: Date) =>
  rows(em, 'update licence_offer set closed_at = ? where owner_id = ? and closed_at is null returning id', [
    now,
    accountId,
  ]);
