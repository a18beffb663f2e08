import type { EntityManager } from '@mikro-orm/core';
import { isBlockedEither } from '../../accounts/block.ts';
import { Follow } from '../../accounts/model.ts';
import type { Viewer } from '../../kit/work.ts';
import { hasTwoPeople } from '../staff/two-people.ts';
import type { Evidence } from './desk.ts';

/** Why somebody does not decide: `owner`, `decider`, `reporter`, `blocked` or `follower`. */
export type Bar = 'owner' | 'decider' | 'reporter' | 'blocked' | 'follower';

/**
 * Parties do not decide, nor do those who follow or block one (spec/takedowns.md 2.3, invariant e). On a node with one
 * moderator, who may well follow everybody there, following bars nobody: else nothing would ever be decided.
 */
export async function findBar(
  em: EntityManager,
  viewer: Viewer,
  { ownerId, askerIds, deciderIds = [] }: Pick<Evidence, 'ownerId' | 'askerIds' | 'deciderIds'>,
  now: Date,
): Promise<Bar | null> {
  if (ownerId === viewer.id) return 'owner';
  // on a node with one moderator the same person looks again: better than nobody
  if (deciderIds.includes(viewer.id) && (await hasTwoPeople(em, 'moderateContent', now))) return 'decider';
  if (askerIds.includes(viewer.id)) return 'reporter';
  if (ownerId === null) return null;
  if (await isBlockedEither({ em }, viewer.id, ownerId)) return 'blocked';
  const follows = await em.count(Follow, { follower: viewer.id, target: ownerId, state: 'accepted' });
  return follows > 0 && (await hasTwoPeople(em, 'moderateContent', now)) ? 'follower' : null;
}
