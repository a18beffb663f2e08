import { ref } from '@mikro-orm/core';
import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { commentCreated, commentDeleted, commentEdited } from '../../gallery/events.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { setMentions } from '../../gallery/posts/mentions.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { holdComment, sayingOf } from '../../gallery/talk/comments.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';
import { readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { followersUriOf, type Place, pageOf } from '../documents/circle.ts';
import type { RemoteNote } from '../vocabulary/note.ts';
import { type ProvenObject, storeObject } from './store.ts';
import { tellPictures } from './talk-pictures.ts';
import { isFor, recount, type Target } from './target.ts';

/** Writes a peer's answer to something that is here. Returns what came of it. Again is harmless. */
export async function ingestComment(
  { em, jobs, words, now }: Pick<Work, 'em' | 'jobs' | 'words' | 'now'>,
  site: Pick<Federation, 'origin' | 'host' | 'jobs'>,
  author: Account,
  target: Target,
  told: RemoteNote,
  proven: ProvenObject,
): Promise<string> {
  // the same answer as for what does not exist (O20)
  if (!(await isFor(em, author, target)) || (await isBlockedEither({ em }, author.id, target.ownerId)))
    return 'answers nothing here';
  const stands = await em.count(Comment, { uri: told.uri, text: told.contentHtml, deletedAt: null });
  const heldFor =
    stands > 0 ? null : await words.read(sayingOf({ id: author.id, permissions: 0 }, told.contentHtml, true));
  return em.transactional(async (inner) => {
    if (!(await storeObject({ em: inner, now }, proven))) return 'older than what is known';
    const known = await inner.findOne(Comment, { uri: told.uri });
    if (known && known.author.id !== author.id) return 'not its author';
    if (known?.deletedAt != null && known.withheldAt != null) return 'taken away by whose page it is';
    if (known && known.deletedAt == null) {
      Object.assign(known, { text: told.contentHtml, editedAt: told.updatedAt ?? now() });
      await illustrate(inner, known);
      if (heldFor !== null) await holdComment(inner, known, heldFor, now());
      record(inner, heldFor === null ? commentEdited : commentDeleted, { commentId: known.id });
      await inner.flush();
      if (heldFor !== null) await recountPage({ em: inner }, known);
      return 'done';
    }
    const parent = target.kind === 'comment' ? await inner.findOneOrFail(Comment, String(target.id)) : null;
    const page = parent ? placeUnder(parent) : placeOf(inner, target);
    const circle = await narrownessOf(site, inner, page, parent, told);
    // its author's server had taken it back, and gives it back
    if (known) {
      const anew = { text: told.contentHtml, editedAt: told.updatedAt ?? now() };
      Object.assign(known, { ...anew, deletedAt: null, audience: circle.audience });
      await illustrate(inner, known);
      if (heldFor !== null) await holdComment(inner, known, heldFor, now());
      else record(inner, commentEdited, { commentId: known.id });
      await inner.flush();
      await setMentions(inner, { comment: known.id }, author.id, circle.named);
      await recountPage({ em: inner }, known);
      return 'done';
    }
    const comment = inner.create(
      Comment,
      {
        audience: circle.audience,
        ...{ id: newId(), author, parent, text: told.contentHtml, isLocal: false, uri: told.uri },
        createdAt: told.publishedAt,
        ...page,
      },
      { persist: true },
    );
    await inner.flush();
    await illustrate(inner, comment);
    if (heldFor !== null) await holdComment(inner, comment, heldFor, now());
    else record(inner, commentCreated, { commentId: comment.id });
    await inner.flush();
    await setMentions(inner, { comment: comment.id }, author.id, circle.named);
    await recountPage({ em: inner }, comment);
    return 'done';
  });

  async function illustrate(inner: Work['em'], { id }: Comment): Promise<void> {
    await tellPictures({ em: inner, jobs, now }, site, { kind: 'comment', id, authorId: author.id }, told);
  }
}

/**
 * Who of those that see the page sees the comment. All do when it is as open as the page, or addressed to those whom the
 * page is for; else its author's followers, or only who is addressed, and always whose page it is and whom it answers.
 */
async function narrownessOf(
  site: Pick<Federation, 'origin' | 'host'>,
  em: Work['em'],
  place: Place,
  parent: Comment | null,
  { visibility, addressees, mentionUris }: RemoteNote,
): Promise<{ readonly audience: Comment['audience']; readonly named: readonly number[] }> {
  const owner = await ownerOf(em, place);
  const isNarrowThread = parent !== null && parent.audience !== 'page';
  if (!isNarrowThread && (await isForPage(site, em, place, { visibility, addressees })))
    return { audience: 'page', named: await idsOf(site, em, mentionUris) };
  const found = await idsOf(site, em, [...addressees, ...mentionUris]);
  const named = [owner.id, ...(parent ? [parent.author.id] : []), ...found];
  return {
    audience: visibility === 'followers' && !isNarrowThread ? 'followers' : 'direct',
    named: [...new Set(named)],
  };
}

/** Is it meant for all who see the page that it is said of? */
export async function isForPage(
  site: Pick<Federation, 'origin' | 'host'>,
  em: Work['em'],
  place: Place,
  { visibility, addressees }: Pick<RemoteNote, 'visibility' | 'addressees'>,
): Promise<boolean> {
  if (isOpen(visibility)) return true;
  const page = await pageOf(em, place);
  // to whom the page was sent, and whoever answers there answers them
  if (page.visibility !== 'followers') return page.visibility === 'direct';
  const collectionUri = await followersUriOf(site, em, await ownerOf(em, await audienceOf(em, place)));
  return collectionUri !== null && addressees.includes(collectionUri);
}

/** The people of these addresses who are known here. */
export async function idsOf(
  { origin }: Pick<Federation, 'origin'>,
  em: Work['em'],
  uris: readonly string[],
): Promise<readonly number[]> {
  const locals = uris.flatMap((uri) => {
    const own = readOwnUri(origin, uri);
    return own?.kind === 'account' ? [own.name] : [];
  });
  const found = await em.find(
    Account,
    { $or: [{ uri: { $in: [...uris] } }, { host: '', name: { $in: locals } }] },
    { fields: ['id'] },
  );
  return found.map(({ id }) => id);
}

/** A review is for those whom its model is for. */
async function audienceOf(em: Work['em'], place: Place): Promise<Place> {
  if (!place.review) return place;
  const { model } = await em.findOneOrFail(Review, place.review.id);
  return { model, post: null, image: null, review: null };
}

async function ownerOf(em: Work['em'], { model, post, image, review }: Place) {
  if (review) return em.findOneOrFail(Account, (await em.findOneOrFail(Review, review.id)).author.id);
  const page = model
    ? await em.findOneOrFail(Model, model.id)
    : image
      ? await em.findOneOrFail(Image, image.id)
      : await em.findOneOrFail(Post, post?.id ?? 0);
  return em.findOneOrFail(Account, page.owner.id);
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

async function recountPage({ em }: Pick<Work, 'em'>, { model, post, image, review }: Comment): Promise<void> {
  if (model) await recount(em, { kind: 'model', id: model.id });
  if (post) await recount(em, { kind: 'post', id: post.id });
  if (image) await recount(em, { kind: 'image', id: image.id });
  if (review) await recount(em, { kind: 'review', id: review.id });
}

const placeUnder = ({ model = null, post = null, image = null, review = null }: Comment): Place => ({
  ...{ model, post, image, review },
});

function placeOf(em: Work['em'], { kind, id }: Target): Place {
  return {
    model: kind === 'model' ? ref(em.getReference(Model, Number(id))) : null,
    post: kind === 'post' ? ref(em.getReference(Post, Number(id))) : null,
    image: kind === 'image' ? ref(em.getReference(Image, Number(id))) : null,
    review: kind === 'review' ? ref(em.getReference(Review, String(id))) : null,
  };
}
