import { Model } from '../../catalogue/model.ts';
import { Post } from '../../gallery/model.ts';
import type { Work } from '../../kit/work.ts';
import type { Target } from './target.ts';

/** Pins a thing to its owner's profile, or takes it off. False when it is nothing of theirs that can be pinned. */
export async function setPin(
  { em }: Pick<Work, 'em'>,
  ownerId: number,
  target: Target | null,
  pinnedAt: Date | null,
): Promise<boolean> {
  if (!target || target.isLocal || target.ownerId !== ownerId) return false;
  const where = { id: Number(target.id), owner: ownerId };
  if (target.kind === 'model') return (await em.nativeUpdate(Model, where, { pinnedAt })) > 0;
  return target.kind === 'post' && (await em.nativeUpdate(Post, where, { pinnedAt })) > 0;
}
