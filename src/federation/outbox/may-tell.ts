import type { EntityManager } from '@mikro-orm/core';
import { viewerOf } from '../../accounts/access/identify.ts';
import type { Account } from '../../accounts/model.ts';
import { lookAt, type Sight } from '../../gallery/access.ts';

/**
 * Whether one of ours may say a word of this to peers, asked when the word goes out: between what somebody did and the job
 * that tells of it a decision may have taken the thing down, or what it stands under.
 */
export async function mayTell(em: EntityManager, speaker: Account, target: Sight): Promise<boolean> {
  return (await lookAt(em, viewerOf(speaker), target, 'federate'))?.verdict.allowed ?? false;
}
