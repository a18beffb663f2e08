import { isBlockedEither } from '../../accounts/block.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { AppError } from '../../kit/errors.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Door } from '../pages/asker.ts';

const nothing = () => new AppError('not_found', 'There is nothing here that can be followed.');

/** Throws `not_found` for what is hidden, and for who is blocked. */
export async function admitToTopic(door: Door, ctx: Ctx, topic: Topic | null): Promise<Topic> {
  await door.admit(ctx);
  if (!topic) throw nothing();
  if ((await door.mode(ctx)) === 'everything' && topic.ownerId !== null) {
    const { viewer } = await door.asker(ctx);
    if (viewer && (await isBlockedEither(ctx.state.work, viewer.id, topic.ownerId))) throw nothing();
  }
  return topic;
}
