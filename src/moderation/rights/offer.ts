import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { assertPrice, line, OfferForm } from '../../economy/licences/offer.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { loadHolding } from './holdings.ts';
import { RightsOffer } from './model.ts';

export const RightsOfferForm = OfferForm.extend({
  covers: line(200).pipe(z.string().min(1, 'Say what is yours.')),
  noticeDays: z
    .union([
      z.literal('').transform(() => 0),
      z.coerce
        .number('Give a whole number.')
        .int('Give a whole number.')
        .min(0, 'At least 0.')
        .max(365, 'At most 365.'),
    ])
    .default(0),
});

const MOST_OPEN = 8;

/** Offers terms for what an upheld claim covers. Throws `not_found`, `conflict` for too many, `invalid` at the field. */
export async function createRightsOffer(
  work: Pick<Work, 'em' | 'words' | 'now'>,
  settings: Settings,
  viewer: Viewer,
  number: string,
  form: z.output<typeof RightsOfferForm>,
): Promise<string> {
  const { em, now } = work;
  const { caseId } = await loadHolding({ em, viewer }, number);
  await assertPrice(em, settings, form.priceCredits);
  const { title, text, forbids, revocation, covers } = form;
  await assertSayable(work, viewer, { title, covers, text, forbids, revocation });
  if ((await em.count(RightsOffer, { caseId, closedAt: null })) >= MOST_OPEN) {
    throw new AppError('conflict', t('rights.too-many', { n: MOST_OPEN }));
  }
  const id = newId();
  const owner = em.getReference(Account, viewer.id);
  em.create(RightsOffer, { id, owner, caseId, ...form, createdAt: now() }, { persist: true });
  await em.flush();
  return id;
}

/** Nobody can ask for it any more; what was granted stays. Returns the number of its claim. */
export async function closeRightsOffer(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  id: string,
): Promise<string> {
  const offer = await em.findOne(RightsOffer, { id, owner: viewer.id });
  if (!offer) throw new AppError('not_found', t('licence.no-offer'));
  offer.closedAt ??= now();
  await em.flush();
  const [row] = await rows<{ number: string }>(em, 'select number from claim_case where id = ?', [offer.caseId]);
  return row?.number ?? '';
}

/** After somebody left: nothing more is asked of them or by them, and their words about what for go. */
export async function endRightsOf(tx: EntityManager, accountId: number, now: Date): Promise<void> {
  const own = [now, accountId];
  await rows(tx, 'update rights_offer set closed_at = ? where owner_id = ? and closed_at is null returning id', own);
  await rows(
    tx,
    `update rights_grant set state = 'declined', ended_at = ? where state = 'asked'
       and offer_id in (select id from rights_offer where owner_id = ?) returning id`,
    own,
  );
  await rows(
    tx,
    `update rights_grant set state = 'withdrawn', ended_at = ? where state = 'asked' and licensee_id = ? returning id`,
    own,
  );
  await rows(tx, `update rights_grant set purpose = '' where licensee_id = ? returning id`, [accountId]);
}
