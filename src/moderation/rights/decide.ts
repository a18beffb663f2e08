import { z } from 'zod';
import { Model } from '../../catalogue/model.ts';
import { type DecisionForm, expiryOf, words } from '../../economy/licences/grant.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { assertSayable } from '../../safety/words/sayable.ts';
import { findLicensedModel } from './ask.ts';
import { rightsDecided, rightsRevoked } from './events.ts';
import { RightsGrant } from './model.ts';

type Acting = Pick<Work, 'em' | 'words' | 'now'>;
const DAY_MS = 86_400_000;

/** Throws `not_found` for whoever is not that party. */
async function loadParty({ em }: Pick<Work, 'em'>, viewer: Viewer, grantId: string, party: 'owner' | 'licensee') {
  const grant = await em.findOne(RightsGrant, { id: grantId }, { populate: ['offer', 'licensee'] });
  const partyId = party === 'owner' ? grant?.offer.$.owner.id : grant?.licensee.id;
  if (!grant || partyId !== viewer.id) throw new AppError('not_found', t('licence.no-grant'));
  return grant;
}

/** The rights holder's answer. Throws `not_found` for what is not asked of them, `conflict` for what was answered. */
export async function decideRights(
  work: Acting,
  viewer: Viewer,
  grantId: string,
  { choice, answer }: z.output<typeof DecisionForm>,
): Promise<void> {
  const { em, now } = work;
  const { offer, licensee } = await loadParty(work, viewer, grantId, 'owner');
  if (choice === 'grant' && licensee.$.state !== 'active') throw new AppError('conflict', t('licence.answered'));
  await assertSayable(work, viewer, { answer });
  const at = now();
  const change =
    choice === 'grant'
      ? { state: 'granted' as const, expiresAt: expiryOf(offer.$, at) }
      : { state: 'declined' as const, endedAt: at };
  await em.fork().transactional(async (tx) => {
    const asked = { id: grantId, state: 'asked' as const };
    if ((await tx.nativeUpdate(RightsGrant, asked, { ...change, answer, decidedAt: at })) === 0) {
      throw new AppError('conflict', t('licence.answered'));
    }
    record(tx, rightsDecided, { grantId });
    await tx.flush();
  });
}

/** Who asked takes it back before an answer. */
export async function withdrawRights(work: Pick<Work, 'em' | 'now'>, viewer: Viewer, grantId: string): Promise<void> {
  await loadParty(work, viewer, grantId, 'licensee');
  const change = { state: 'withdrawn' as const, endedAt: work.now() };
  const done = await work.em.nativeUpdate(RightsGrant, { id: grantId, state: 'asked' }, change);
  if (done === 0) throw new AppError('conflict', t('licence.answered'));
}

export const RightsRevocationForm = z.object({
  answer: words.pipe(z.string().min(1, 'Say which of the terms you go by.')),
});

/**
 * The rights holder takes a licence back, where its terms say that they may: it holds on for the days of notice that they
 * give, and never longer than it would have. Throws `forbidden` where the terms do not say so.
 */
export async function revokeRights(
  work: Acting,
  viewer: Viewer,
  grantId: string,
  { answer }: z.output<typeof RightsRevocationForm>,
): Promise<void> {
  const { em, now } = work;
  const { revocation, noticeDays, expiresAt } = await loadParty(work, viewer, grantId, 'owner');
  if (revocation === '') throw new AppError('forbidden', t('licence.not-revocable'));
  await assertSayable(work, viewer, { answer });
  const at = now();
  const noticeEnd = new Date(at.getTime() + noticeDays * DAY_MS);
  const end = expiresAt != null && expiresAt < noticeEnd ? expiresAt : noticeEnd;
  await em.fork().transactional(async (tx) => {
    const granted = { id: grantId, state: 'granted' as const };
    const change = { state: 'revoked' as const, answer, endedAt: at, expiresAt: end };
    if ((await tx.nativeUpdate(RightsGrant, granted, change)) === 0) {
      throw new AppError('conflict', t('licence.answered'));
    }
    record(tx, rightsRevoked, { grantId });
    await tx.flush();
  });
}

export const NameForm = z.object({ modelId: z.coerce.number('Choose a model.').int().min(1).max(2_147_483_647) });

/** Who holds a licence for what they planned says which model it became. Once. */
export async function nameLicensed(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  grantId: string,
  { modelId }: z.output<typeof NameForm>,
): Promise<void> {
  await loadParty({ em }, viewer, grantId, 'licensee');
  const model = await findLicensedModel(em, viewer, modelId);
  const unnamed = { id: grantId, model: null, state: { $in: ['asked' as const, 'granted' as const] } };
  const done = await em.nativeUpdate(RightsGrant, unnamed, { model: em.getReference(Model, model.id) });
  if (done === 0) throw new AppError('conflict', t('rights.named-already'));
}
