import type { EntityManager } from '@mikro-orm/core';
import { Comment } from '../../gallery/model.ts';

/** What answers an object itself: answers to answers are theirs. */
export const repliesTo = (kind: 'model' | 'post' | 'image' | 'comment', id: number | string) => ({
  ...(kind === 'comment' ? { parent: String(id) } : { [kind]: Number(id), parent: null }),
  // what only some see is in no list
  audience: 'page' as const,
  deletedAt: null,
  withheldAt: null,
});

export const countReplies = (
  em: EntityManager,
  kind: 'model' | 'post' | 'image' | 'comment',
  id: number | string,
): Promise<number> => em.count(Comment, repliesTo(kind, id));
