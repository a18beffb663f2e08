import { type EntityManager, UniqueConstraintViolationException } from '@mikro-orm/core';
import type { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { ensureTags } from '../../catalogue/tags.ts';
import { findPictures, type GivenPictures, setPictures } from '../../gallery/talk-pictures/hold.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { hold } from '../../safety/holds/hold.ts';
import { openPurse } from '../allowance.ts';
import type { EconomyDeps } from '../deps.ts';
import { InsufficientCredit } from '../ledger/post.ts';
import { pledge } from '../pledges/pledge.ts';
import { type CreditSettings, creditSettings } from '../settings.ts';
import { type Checked, checkBounty, participant } from './check.ts';
import { scheduleEnd } from './end.ts';
import {
  AWARD_DAYS,
  type BountyEditForm,
  type BountyForm,
  DAY_MS,
  MOST_DAYS,
  MOST_DAYS_IN_ALL,
  MOST_OPEN,
} from './form.ts';
import { Bounty } from './model.ts';
import { bountySubject, loadOwnBounty, lockBounty } from './own.ts';

type Acting = Pick<Work, 'em' | 'viewer' | 'jobs' | 'files' | 'now'>;
const wrong = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

/** Throws `not_found` where credits are off. */
export async function loadRules({ em }: Pick<Work, 'em'>, settings: Settings): Promise<CreditSettings> {
  const rules = await settings.read(em, creditSettings);
  if (!rules.isOn) throw new AppError('not_found', t('credits.off'));
  return rules;
}

/**
 * Asks everybody for something and puts the first credits into the pot. What shows or names somebody real, and every
 * picture that is sent in, waits for a moderator, with its credits aside. Throws `invalid` at the field, `conflict` for
 * too many at once, and `insufficient_credit`.
 */
export async function openBounty(
  work: Acting,
  { settings, screening, isLookedInto }: Pick<EconomyDeps, 'settings' | 'screening' | 'isLookedInto'>,
  form: z.output<typeof BountyForm>,
  pictures?: GivenPictures,
): Promise<string> {
  const { em, now, jobs } = work;
  const viewer = participant(work.viewer);
  const rules = await loadRules(work, settings);
  const known = await em.findOne(Bounty, { id: form.key });
  if (known?.owner.id === viewer.id) return known.id;
  if (known) throw new AppError('conflict', t('bounty.key-taken'));
  const { bountyLeast, bountyMost } = rules;
  if (form.amount < bountyLeast) throw wrong('amount', t('bounty.too-little', { n: bountyLeast.toLocaleString('en') }));
  if (form.amount > bountyMost) throw wrong('amount', t('bounty.too-much', { n: bountyMost.toLocaleString('en') }));
  const at = now();
  assertDeadline(form.deadline, at, at, null);
  const checked = await checkBounty(work, screening, viewer, form, pictures?.pictures ?? []);
  const { balance } = await openPurse(em, viewer.id, rules, at);
  const opening = em.fork().transactional(async (tx) => {
    const open = await tx.count(Bounty, { owner: viewer.id, state: 'open' });
    if (open >= MOST_OPEN) throw new AppError('conflict', t('bounty.enough-open', { n: MOST_OPEN }));
    const { title, text, kind, mode, baseModel, deadline } = form;
    const bounty = tx.create(
      Bounty,
      {
        ...{ id: form.key, owner: tx.getReference(Account, viewer.id), title, text, kind, mode, baseModel },
        ...{ deadlineAt: deadline, awardBy: awardByOf(deadline), createdAt: at, updatedAt: at },
      },
      { persist: true },
    );
    await tx.flush();
    await keepChecked(tx, bounty, viewer, checked, at);
    if (pictures) await setPictures({ em: tx, now }, wordsOf(bounty), pictures);
    scheduleEnd(tx, jobs, isLookedInto, bounty.id, bounty.awardBy, at);
    await tx.flush();
    await giveTo(tx, { bountyId: bounty.id, viewer, key: 'first', amount: form.amount, balance }, at);
  });
  await opening.catch(async (error: unknown) => {
    // the same form at the same moment: the other one was first
    const isOther = error instanceof UniqueConstraintViolationException;
    if (!isOther || (await em.fork().count(Bounty, { id: form.key, owner: viewer.id })) === 0) throw error;
  });
  return form.key;
}

const wordsOf = ({ id, owner }: Bounty) => ({ kind: 'bounty' as const, id, authorId: owner.id });

const awardByOf = (deadline: Date): Date => new Date(deadline.getTime() + AWARD_DAYS * DAY_MS);

/** `before` is the deadline that it had: it is put off, never brought forward, so that nobody works in vain. */
function assertDeadline(deadline: Date, now: Date, createdAt: Date, before: Date | null): void {
  if (before && deadline < before) throw wrong('deadline', t('bounty.not-earlier'));
  if (before && deadline.getTime() === before.getTime()) return;
  if (deadline <= now) throw wrong('deadline', t('bounty.past'));
  const isFar = deadline.getTime() - now.getTime() > MOST_DAYS * DAY_MS;
  if (isFar) throw wrong('deadline', t('bounty.too-far', { n: MOST_DAYS }));
  const isVeryFar = deadline.getTime() - createdAt.getTime() > MOST_DAYS_IN_ALL * DAY_MS;
  if (isVeryFar) throw wrong('deadline', t('bounty.too-far-in-all', { n: MOST_DAYS_IN_ALL }));
}

/** Tags, pictures and the hold, in the transaction of the words. */
async function keepChecked(
  tx: EntityManager,
  bounty: Bounty,
  viewer: Viewer,
  { tags, imageIds, hold: reason }: Checked,
  now: Date,
): Promise<void> {
  const { id } = bounty;
  await rows(tx, 'delete from bounty_tag where bounty_id = ? returning tag_id', [id]);
  for (const tag of await ensureTags(tx, tags)) {
    await rows(tx, 'insert into bounty_tag (bounty_id, tag_id) values (?, ?) returning tag_id', [id, tag.id]);
  }
  await rows(tx, 'delete from bounty_reference where bounty_id = ? returning image_id', [id]);
  for (const [position, imageId] of imageIds.entries()) {
    await rows(tx, 'insert into bounty_reference (bounty_id, image_id, position) values (?, ?, ?) returning image_id', [
      ...[id, imageId, position],
    ]);
  }
  if (reason === null) return;
  bounty.heldAt = now;
  await hold(tx, { kind: 'bounty', id, accountId: viewer.id, reason }, now);
}

interface Gift {
  readonly bountyId: string;
  readonly viewer: Viewer;
  readonly key: string;
  readonly amount: number;
  readonly balance: number;
}

/** Into the pot. */
export async function giveTo(
  tx: EntityManager,
  { bountyId, viewer, key, amount, balance }: Gift,
  now: Date,
): Promise<void> {
  try {
    const wish = {
      key: `bounty:${bountyId}:${viewer.id}:${key}`,
      subject: bountySubject(bountyId),
      accountId: viewer.id,
      amount,
    };
    await pledge(tx, wish, now);
  } catch (error) {
    if (!(error instanceof InsufficientCredit)) throw error;
    const message = t('early.too-few', { price: amount.toLocaleString('en'), balance: balance.toLocaleString('en') });
    throw new AppError('insufficient_credit', message, { fields: { amount: message } });
  }
}

/**
 * Its owner changes its words, pictures or deadline: every check again. What it pays for and how stays. Without `pictures`
 * those that were sent in stay.
 */
export async function editBounty(
  work: Acting,
  { screening, isLookedInto }: Pick<EconomyDeps, 'screening' | 'isLookedInto'>,
  bountyId: string,
  form: z.output<typeof BountyEditForm>,
  pictures?: GivenPictures,
): Promise<void> {
  const { em, now, jobs } = work;
  const viewer = participant(work.viewer);
  const before = await loadOwnBounty(work, bountyId);
  const at = now();
  assertDeadline(form.deadline, at, before.createdAt, before.deadlineAt);
  const uploads = pictures?.pictures ?? (await findPictures(em, wordsOf(before))).map(({ id }) => ({ id }));
  const checked = await checkBounty(work, screening, viewer, form, uploads);
  await em.fork().transactional(async (tx) => {
    if (!(await lockBounty(tx, bountyId))) throw new AppError('conflict', t('bounty.over'));
    const bounty = await tx.findOneOrFail(Bounty, { id: bountyId });
    const isPutOff = form.deadline > bounty.deadlineAt;
    Object.assign(bounty, { title: form.title, text: form.text, updatedAt: at });
    if (isPutOff) Object.assign(bounty, { deadlineAt: form.deadline, awardBy: awardByOf(form.deadline) });
    await keepChecked(tx, bounty, viewer, checked, at);
    if (pictures) await setPictures({ em: tx, now }, wordsOf(bounty), pictures);
    if (isPutOff) scheduleEnd(tx, jobs, isLookedInto, bountyId, bounty.awardBy, at);
    await tx.flush();
  });
}
