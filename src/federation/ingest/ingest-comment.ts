import { isBlockedEither } from '../../accounts/block.ts';
import type { Account } from '../../accounts/model.ts';
import { commentCreated, commentDeleted, commentEdited } from '../../gallery/events.ts';
import { Comment } from '../../gallery/model.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { RemoteNote } from '../vocabulary/note.ts';
import { type ProvenObject, storeObject } from './store.ts';
import { recount, type Target } from './target.ts';

/** Writes a peer's answer to something that is here. Returns what came of it. Again is harmless. */
export async function ingestComment(
  { em, now }: Pick<Work, 'em' | 'now'>,
  author: Account,
  target: Target,
  told: RemoteNote,
  proven: ProvenObject,
): Promise<string> {
  // the same answer as for what does not exist (O20)
  if (!target.isPublic || (await isBlockedEither({ em }, author.id, target.ownerId))) return 'answers nothing here';
  return em.transactional(async (inner) => {
    if (!(await storeObject({ em: inner, now }, proven))) return 'older than what is known';
    const known = await inner.findOne(Comment, { uri: told.uri });
    if (known) {
      if (known.author.id !== author.id || known.deletedAt != null) return 'not its author';
      Object.assign(known, { text: told.contentHtml, editedAt: told.updatedAt ?? now() });
      record(inner, commentEdited, { commentId: known.id });
      await inner.flush();
      return 'done';
    }
    const parent = target.kind === 'comment' ? await inner.findOneOrFail(Comment, String(target.id)) : null;
    const page = parent
      ? { model: parent.model ?? null, post: parent.post ?? null, image: parent.image ?? null }
      : { [target.kind]: target.id };
    const comment = inner.create(
      Comment,
      {
        ...{ id: newId(), author, parent, text: told.contentHtml, isLocal: false, uri: told.uri },
        createdAt: told.publishedAt,
        ...page,
      },
      { persist: true },
    );
    record(inner, commentCreated, { commentId: comment.id });
    await inner.flush();
    await recountPage({ em: inner }, comment);
    return 'done';
  });
}

/** Its author, or their host, took it back. */
export async function removeComment({ em, now }: Pick<Work, 'em' | 'now'>, commentId: string): Promise<void> {
  await em.transactional(async (inner) => {
    const comment = await inner.findOne(Comment, { id: commentId, isLocal: false, deletedAt: null });
    if (!comment) return;
    Object.assign(comment, { deletedAt: now(), text: '' });
    record(inner, commentDeleted, { commentId });
    await inner.flush();
    await recountPage({ em: inner }, comment);
  });
}

async function recountPage({ em }: Pick<Work, 'em'>, { model, post, image }: Comment): Promise<void> {
  if (model) await recount(em, { kind: 'model', id: model.id });
  if (post) await recount(em, { kind: 'post', id: post.id });
  if (image) await recount(em, { kind: 'image', id: image.id });
}
