import type { EntityManager } from '@mikro-orm/core';
import { Follow } from '../../accounts/model.ts';
import type { Federation } from '../deps.ts';
import { loadSigningKey } from './keys.ts';

/** The key of somebody here who follows this account: what is for its followers is asked for in their name. */
export async function findFollowerKey(
  federation: Federation,
  em: EntityManager,
  ownerId: number,
): Promise<Awaited<ReturnType<typeof loadSigningKey>> | null> {
  const follow = await em.findOne(Follow, {
    target: ownerId,
    state: 'accepted',
    follower: { host: '', state: 'active' },
  });
  return follow && loadSigningKey(federation, em, follow.follower.id);
}
