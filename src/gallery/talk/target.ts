import type { EntityManager } from '@mikro-orm/core';
import { Block } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer } from '../../kit/work.ts';
import { assertSees, type Look, lookAt, nothing, type Sight, type Target } from '../access.ts';

/** What one may talk about. */
export type Subject = Exclude<Target, { kind: 'comment' }> | Extract<Sight, { kind: 'bounty' }>;

/** Who speaks: the viewer, or an account of a peer whose activity was verified. */
export interface Speaker {
  readonly id: number;
  readonly permissions: number;
}

export const urlOf = ({ kind, id }: Sight): string => (kind === 'bounty' ? `/bounties/${id}` : `/${kind}s/${id}`);

const speakerAsViewer = (speaker: Speaker | null): Viewer | null =>
  speaker && { id: speaker.id, permissions: speaker.permissions, name: '', levels: 0, scopes: null };

/** Throws `not_found`, `gone` or `withheld` when this person may not see it. */
export async function loadSubject(em: EntityManager, speaker: Speaker | null, target: Sight): Promise<Look> {
  const look = await assertSees(em, speakerAsViewer(speaker), target);
  if (look.isOfTalk) throw nothing();
  return look;
}

/** The same as a question, for peers, who are told nothing either way. */
export async function isSeenBy(em: EntityManager, speaker: Speaker, target: Sight): Promise<boolean> {
  const look = await lookAt(em, speakerAsViewer(speaker), target);
  return look?.verdict.allowed === true && look.isOfTalk !== true;
}

/** Throws `forbidden` when one of these people blocks the speaker, or is blocked by them. */
export async function assertNoBlock(em: EntityManager, speakerId: number, others: readonly number[]): Promise<void> {
  const ids = others.filter((id) => id !== speakerId);
  const count = await em.count(Block, {
    kind: 'block',
    $or: [
      { account: speakerId, target: { $in: ids } },
      { account: { $in: ids }, target: speakerId },
    ],
  });
  if (count > 0) throw new AppError('forbidden', 'You cannot do this here.');
}
