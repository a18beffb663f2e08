import { Comment, Image, type Post } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { findHolder, MOST_PICTURES, makeHolder, removeHolder, type Words } from '../../gallery/talk-pictures/hold.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { effectsOfUri } from '../peers/rule.ts';
import type { RemoteNote } from '../vocabulary/note.ts';
import { pictureLevel, pictureUri } from './ingest-post.ts';

type Told = Pick<RemoteNote, 'uri' | 'pictures' | 'rating' | 'isSensitive'>;

/**
 * Gives the words of a peer the pictures that it tells of: what it no longer tells goes at once, what is new is fetched by
 * a job, as a post's. Within the caller's transaction; again is harmless.
 */
export async function tellPictures(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Pick<Federation, 'jobs'>,
  words: Words,
  told: Told,
): Promise<void> {
  const views = told.pictures.slice(0, MOST_PICTURES[words.kind]);
  const before = await findHolder(em, words);
  const { rejectsMedia, forcedLevel } = await effectsOfUri(em, told.uri);
  if (views.length === 0 || rejectsMedia) {
    if (before) await removeHolder(em, before.id);
    return;
  }
  const holder = before ?? (await makeHolder({ em, now }, words, false));
  for (const image of await em.find(Image, { post: holder.id })) {
    const position = views.findIndex((view, n) => pictureUri(told.uri, view, n) === image.uri);
    const view = views[position];
    // a server that names its pictures by their place may put another there
    if (!view || view.url !== image.remoteUrl) await em.nativeDelete(Image, { id: image.id });
    else {
      const level = Math.max(forcedLevel ?? 0, pictureLevel(told, view));
      await em.nativeUpdate(Image, { id: image.id }, { altText: view.alt.slice(0, 1500), position, level });
    }
  }
  jobs.enqueue(
    em,
    federation.jobs.fetchPictures,
    { postId: holder.id },
    { partition: new URL(told.uri).host.slice(0, 255), dedupeKey: `pictures:${holder.id}` },
  );
  await em.flush();
}

/** The note that told of a post's pictures; those of words are told with them. Null for what is of this node. */
export async function tellerOf(em: Work['em'], { uri, talkKind, talkId }: Post): Promise<string | null> {
  if (talkKind == null || talkId == null) return uri ?? null;
  const where = { id: talkId, deletedAt: null };
  const words = talkKind === 'comment' ? await em.findOne(Comment, where) : await em.findOne(Review, where);
  return words?.uri ?? null;
}
