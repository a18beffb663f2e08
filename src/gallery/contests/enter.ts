import type { EntityManager } from '@mikro-orm/core';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';
import { CollectionEntry } from '../collections/together/model.ts';
import type { Standing } from '../collections/together/standing.ts';
import { type Contest, stateOf } from './model.ts';

interface Entering {
  readonly viewer: Viewer;
  readonly standing: Standing;
  readonly contest: Contest;
  /** Whose work it is. */
  readonly ownerId: number;
  readonly now: Date;
}

/** Throws `conflict` outside the window and beyond the entries of one person, `forbidden` for others' work and for judges. */
export async function assertMayEnter(em: EntityManager, { viewer, standing, contest, ownerId, now }: Entering) {
  const state = stateOf(contest, now);
  if (state === 'coming') throw new AppError('conflict', t('contest.not-open'));
  if (state !== 'open') throw new AppError('conflict', t('contest.closed'));
  if (standing.canKeep) throw new AppError('forbidden', t('contest.own'));
  if (standing.role === 'judge') throw new AppError('forbidden', t('contest.judges-stay-out'));
  if (!can(viewer, 'publish')) throw new AppError('forbidden', t('contest.may-not'));
  if (ownerId !== viewer.id) throw new AppError('forbidden', t('contest.own-work'));
  const entered = await em.count(CollectionEntry, {
    ...{ collection: contest.collection.id, account: viewer.id, state: { $in: ['waiting', 'in'] } },
  });
  if (entered >= contest.mostEntries) throw new AppError('conflict', t('contest.most', { n: contest.mostEntries }));
}
