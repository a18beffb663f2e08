import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { type Act, decide, PolicyState, RESTRICTION, type Verdict } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import { collectionChanged } from '../events.ts';
import { Collection } from './model.ts';
import { CollectionMember } from './together/model.ts';

// Who may see a collection: facts for the one decide() of safety, as access.ts has them for what lies in it.

interface CollectionLook {
  readonly collection: Collection;
  readonly owner: Account;
  readonly verdict: Verdict;
}

/** Null for what never was, and for that of somebody who is not here any more. */
export async function lookAtCollection(
  em: EntityManager,
  viewer: Viewer | null,
  id: number,
  act: Act = 'view',
): Promise<CollectionLook | null> {
  const collection = await em.findOne(Collection, id, { refresh: true });
  const owner = collection && (await em.findOne(Account, { id: collection.owner.id, state: 'active' }));
  if (!collection || !owner) return null;
  const subject = {
    ownerId: owner.id,
    state: collection.deletedAt == null ? ('published' as const) : ('deleted' as const),
    restrictions: await loadCollectionRestrictions(em, id, owner.id),
    isForViewer: collection.visibility !== 'private' || (await isTakingPart(em, viewer, id)),
  };
  // what is private is nobody's business, whatever they may do elsewhere
  const canModerate = collection.visibility !== 'private' && can(viewer, 'moderateContent');
  return { collection, owner, verdict: decide(act, viewer, subject, canModerate) };
}

/** Whoever was asked sees what they are asked to. */
const isTakingPart = async (em: EntityManager, viewer: Viewer | null, id: number): Promise<boolean> =>
  viewer !== null && (await em.count(CollectionMember, { collection: id, account: viewer.id })) > 0;

async function loadCollectionRestrictions(em: EntityManager, id: number, ownerId: number): Promise<number> {
  const states = await em.find(
    PolicyState,
    {
      $or: [
        { targetKind: 'collection', targetId: id },
        { targetKind: 'account', targetId: ownerId },
      ],
    },
    { disableIdentityMap: true },
  );
  return states.reduce((all, { restrictions }) => all | restrictions, 0);
}

/** Throws `not_found` for what is private and somebody else's, `gone` for what is deleted, `withheld` by moderators. */
export async function assertSeesCollection(
  em: EntityManager,
  viewer: Viewer | null,
  id: number,
): Promise<Omit<CollectionLook, 'verdict'>> {
  const look = await lookAtCollection(em, viewer, id);
  if (look?.verdict.allowed) return look;
  throw refusalOf(look?.verdict.allowed === false ? look.verdict.reason : 'not_found');
}

function refusalOf(reason: 'not_found' | 'gone' | 'withheld'): AppError {
  if (reason === 'gone') return new AppError('gone', 'This collection was deleted.');
  if (reason === 'withheld') return new AppError('withheld', 'A moderation decision keeps this collection back.');
  return new AppError('not_found', 'There is no such collection.');
}

/** For lists of collections `k`: none that moderation keeps back or out of lists. */
export const IS_NOT_WITHHELD = `not exists (select 1 from policy_state s where (s.restrictions & ${SHUT | RESTRICTION.list}) <> 0
  and ((s.target_kind = 'collection' and s.target_id = k.id) or (s.target_kind = 'account' and s.target_id = k.owner_id)))`;

/** Moderation restricted a collection, or no longer: peers must know. For a row that is not there it is nothing. */
export async function tellCollectionAfterPolicy({ em, now }: Pick<Work, 'em' | 'now'>, id: number): Promise<void> {
  const collection = await em.findOne(Collection, { id, uri: null, deletedAt: null });
  if (!collection) return;
  // what is said of it is told apart by when it changed
  collection.updatedAt = now();
  record(em, collectionChanged, { collectionId: id });
  await em.flush();
}
