import type { Account } from '../../accounts/model.ts';
import { postUpdated } from '../../gallery/events.ts';
import { Image, ImageRaw, Post, ResourceUse } from '../../gallery/model.ts';
import { setMentions } from '../../gallery/posts/mentions.ts';
import { relistPost } from '../../gallery/posts/relist.ts';
import { setPostTags } from '../../gallery/posts/tags.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { remoteLevel } from '../../safety/ratings.ts';
import { holdWords } from '../../safety/words/hold.ts';
import type { Federation } from '../deps.ts';
import { recipeOf } from '../documents/pictures.ts';
import { isSameOrigin } from '../origin.ts';
import { effectsOfUri } from '../peers/rule.ts';
import { parseNote, type RemoteNote } from '../vocabulary/note.ts';
import type { PictureView } from '../vocabulary/picture.ts';
import { type ProvenObject, storeObject } from './store.ts';
import { readTold } from './words/read-words.ts';
import { sourceOf } from './words/source.ts';
import { findVersion } from './write-details.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now'>;

/** Writes a peer's note with pictures as a post; the pictures follow in a job of their own. Again is harmless. */
export async function ingestPost(
  { em, jobs, words, now }: Task,
  federation: Pick<Federation, 'origin' | 'jobs'>,
  owner: Account,
  proven: ProvenObject,
  { authorFollowersUri, named }: { readonly authorFollowersUri: string | null; readonly named: readonly number[] },
): Promise<void> {
  const { origin } = federation;
  const options = { ownOrigin: origin, now: now(), authorFollowersUri };
  const told = parseNote(proven.object, options);
  const heldFor = await readTold({ em: em.fork(), words }, owner, proven.object, options);
  await em.transactional(async (inner) => {
    if (!(await storeObject({ em: inner, now }, proven))) return;
    const known = await inner.findOne(Post, { uri: told.uri });
    if (known && known.owner.id !== owner.id) return;
    const version = told.contextUri === null ? null : await findVersion(inner, origin, told.contextUri);
    const facts = {
      version,
      title: (told.title ?? '').slice(0, 200),
      caption: sourceOf(proven.object) ?? told.contentHtml,
      state: 'published' as const,
      visibility: told.visibility,
      publishedAt: told.publishedAt,
      updatedAt: told.updatedAt ?? told.publishedAt,
      url: told.url,
      claimedLikeCount: told.likeCount,
    };
    const post =
      known ??
      inner.create(
        Post,
        { owner, isLocal: false, uri: told.uri, createdAt: told.publishedAt, ...facts },
        { persist: true },
      );
    if (known) Object.assign(known, facts, { deletedAt: null });
    await inner.flush();
    await setPostTags(
      inner,
      post.id,
      told.tagNames.slice(0, 20).map((name) => name.slice(0, 60)),
    );
    await setMentions(inner, { post: post.id }, owner.id, named);
    await rewritePictures(inner, post, told, (await effectsOfUri(inner, told.uri)).forcedLevel ?? 0);
    if (heldFor !== null) await holdWords(inner, { kind: 'post', id: post.id }, owner.id, heldFor, now());
    await relistPost({ em: inner, jobs }, post);
    if (known) record(inner, postUpdated, { postId: post.id });
    jobs.enqueue(
      inner,
      federation.jobs.fetchPictures,
      { postId: post.id },
      {
        partition: new URL(told.uri).host.slice(0, 255),
        dedupeKey: `pictures:${post.id}`,
      },
    );
    await inner.flush();
  });
}

/** What the author changed about pictures that are here, and what they took away. */
async function rewritePictures(em: Work['em'], post: Post, told: RemoteNote, least: number): Promise<void> {
  const views = new Map(told.pictures.map((view, n) => [pictureUri(told.uri, view, n), { view, n }]));
  for (const image of await em.find(Image, { post })) {
    const found = views.get(image.uri ?? '');
    if (!found) await em.nativeDelete(Image, { id: image.id });
    else {
      const level = Math.max(least, pictureLevel(told, found.view));
      const caption = found.view.details?.caption ?? '';
      Object.assign(image, { altText: found.view.alt.slice(0, 1500), position: found.n, level, caption });
      await rewriteRecipe(em, image, told, found.view);
    }
  }
  await em.flush();
}

/** Servers of our kind say all there is to say, so what they no longer say was taken back; of others the file tells. */
async function rewriteRecipe(em: Work['em'], image: Image, told: RemoteNote, view: PictureView): Promise<void> {
  const recipe = recipeOf(view.generation);
  if (recipe === null && told.kind !== 'Image') return;
  Object.assign(image, { recipe, hasRecipe: recipe !== null });
  if (recipe !== null || view.resources.length > 0) return;
  image.hasWorkflow = false;
  await em.nativeDelete(ImageRaw, { image: image.id });
  await em.nativeDelete(ResourceUse, { image: image.id, isManual: false });
}

/** Where a server gives its pictures no ids, they are named by their place in the post. */
export function pictureUri(postUri: string, { uri }: PictureView, position: number): string {
  return uri != null && isSameOrigin(uri, postUri, new URL(postUri).origin) ? uri : `${postUri}#picture-${position}`;
}

/** One rating of a picture: its own, else the highest of the post's (DESIGN.md, section 3). */
export function pictureLevel(note: Pick<RemoteNote, 'rating' | 'isSensitive'>, { rating }: PictureView): number {
  const own = rating ?? 1 << (31 - Math.clz32(note.rating));
  // a post marked sensitive as a whole does not say which of several pictures is
  return remoteLevel(own, note.isSensitive && rating === null);
}
