import { z } from 'zod';
import { modelUpdated } from '../../catalogue/events.ts';
import { loadOwnVersion } from '../../catalogue/own.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { assertMaySell } from '../licences/selling.ts';
import { type CreditSettings, creditSettings } from '../settings.ts';
import { type Early, findEarly, isEarlyNow } from './early.ts';
import { openEarlyJob } from './open.ts';

export const EarlyForm = z.object({
  /** UTC, as `datetime-local` writes it. */
  endsAt: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/, 'Choose a day and a time.')
    .transform((text, check) => {
      const at = new Date(`${text}Z`);
      if (!Number.isNaN(at.getTime())) return at;
      check.addIssue({ code: 'custom', message: 'Choose a day and a time.' });
      return z.NEVER;
    }),
  followers: z.enum(['1']).optional(),
  price: z
    .union([
      z.literal('').transform(() => null),
      z.coerce.number('Give a whole number.').int('Give a whole number.').min(1, 'At least 1.'),
    ])
    .default(null),
});

const DAY_MS = 86_400_000;
const wrong = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

/** The viewer's own version. Throws as `loadOwnVersion`, and `not_found` for what is of elsewhere. */
export async function loadOwnEarly(work: Pick<Work, 'em' | 'viewer'>, versionId: number): Promise<Early> {
  await loadOwnVersion(work, versionId);
  const early = await findEarly(work.em, versionId);
  if (!early?.isLocal) throw new AppError('not_found', t('early.none'));
  return early;
}

/** May it still become early? What everybody had stays everybody's. */
export const mayBegin = ({ publishedAt, terms }: Early): boolean => publishedAt === null || terms?.endedAt === null;

/**
 * Makes a version early until a time, or changes how. Once it is public it only ever gets easier to have: earlier, for
 * more people, for less. Throws `conflict` for what is or was open, `invalid` at the field.
 */
export async function setEarly(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  settings: Settings,
  versionId: number,
  { endsAt, followers, price }: z.output<typeof EarlyForm>,
): Promise<void> {
  const { em, jobs, now } = work;
  const early = await loadOwnEarly(work, versionId);
  const at = now();
  if (!mayBegin(early)) throw new AppError('conflict', t('early.was-open'));
  const rules = await settings.read(em, creditSettings);
  assertWithin(rules, { endsAt, price, at });
  const isForFollowers = followers === '1';
  if (!isForFollowers && price === null) throw wrong('followers', t('early.nobody'));
  if (price !== null) await assertMaySell(em, versionId, early.ownerId, at, 'price');
  const { terms } = early;
  if (early.publishedAt !== null && terms) {
    if (endsAt > terms.endsAt) throw wrong('endsAt', t('early.not-later'));
    if (terms.isForFollowers && !isForFollowers) throw wrong('followers', t('early.not-fewer'));
    if (terms.price !== null && (price === null || price > terms.price)) throw wrong('price', t('early.not-dearer'));
  }
  await em.transactional(async (tx) => {
    await rows(
      tx,
      `insert into early_access (version_id, ends_at, is_for_followers, price, ended_at, created_at)
       values (?, ?, ?, ?, null, ?) on conflict (version_id) do update
       set ends_at = excluded.ends_at, is_for_followers = excluded.is_for_followers, price = excluded.price
       returning version_id`,
      [versionId, endsAt, isForFollowers, price, at],
    );
    const delayMs = endsAt.getTime() - at.getTime();
    jobs.enqueue(tx, openEarlyJob, { versionId }, { delayMs, dedupeKey: `early ${versionId} ${endsAt.getTime()}` });
    if (early.state === 'published') record(tx, modelUpdated, { modelId: early.modelId });
    await tx.flush();
  });
}

function assertWithin(
  { isOn, earlyMostDays, earlyMostPrice }: CreditSettings,
  { endsAt, price, at }: { endsAt: Date; price: number | null; at: Date },
): void {
  if (earlyMostDays === 0) throw new AppError('forbidden', t('early.off'));
  if (endsAt <= at) throw wrong('endsAt', t('early.past'));
  if (endsAt.getTime() - at.getTime() > earlyMostDays * DAY_MS)
    throw wrong('endsAt', t('early.too-long', { n: earlyMostDays }));
  if (price === null) return;
  if (!isOn) throw wrong('price', t('credits.off'));
  if (price > earlyMostPrice) throw wrong('price', t('early.too-dear', { n: earlyMostPrice.toLocaleString('en') }));
}

/** The owner opens it to everybody at once: who paid had it first, and the maker gets what they paid. */
export async function endEarly(work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>, versionId: number): Promise<Early> {
  const { em, jobs, now } = work;
  const early = await loadOwnEarly(work, versionId);
  if (!isEarlyNow(early, now())) throw new AppError('conflict', t('early.is-open'));
  if (early.publishedAt === null) {
    await rows(em, 'delete from early_access where version_id = ? returning version_id', [versionId]);
    return early;
  }
  await em.transactional(async (tx) => {
    await rows(
      tx,
      'update early_access set ends_at = ? where version_id = ? and ended_at is null returning version_id',
      [...[now(), versionId]],
    );
    jobs.enqueue(tx, openEarlyJob, { versionId });
    await tx.flush();
  });
  return early;
}
