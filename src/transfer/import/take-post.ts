import { rm } from 'node:fs/promises';
import { addImage, type KnownResource } from '../../gallery/images/add.ts';
import { renderImageJob } from '../../gallery/images/render.ts';
import { Image, Post } from '../../gallery/model.ts';
import { createDraft, dropEmptyDraft, savePost } from '../../gallery/posts/draft.ts';
import { publishPost } from '../../gallery/posts/publish.ts';
import { readTags } from '../../gallery/posts/tags.ts';
import type { Recipe } from '../../gallery/recipe/recipe.ts';
import type { GivenPicture, GivenPictures } from '../../gallery/talk-pictures/hold.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import { RATING, ratingLabel } from '../../safety/ratings.ts';
import { type ImageDoc, PostDoc } from '../format.ts';
import { isHeld } from './held.ts';
import { findMark, findVersionHere, keepMark } from './marks.ts';
import { pinHere, problemOf, type Taken, type Taking, withBytes } from './taking.ts';

/** A post with its pictures and their recipes. */
export async function takePost(taking: Taking, plan: unknown): Promise<Taken> {
  const doc = PostDoc.parse(plan);
  const { em, viewer, now } = taking.work;
  const whole = await findMark(em, viewer.id, `${doc.uri}#whole`);
  if (whole && (await isThere(taking, Number(whole.targetId)))) {
    return { path: `/posts/${whole.targetId}`, isKnown: true, problems: [] };
  }
  const postId = await ensurePost(taking, doc);
  const problems: string[] = [];
  const images: { id: number; doc: ImageDoc }[] = [];
  for (const [n, image] of doc.images.entries()) {
    taking.signal.throwIfAborted();
    try {
      images.push({ id: await takeImage(taking, postId, image), doc: image });
    } catch (error) {
      problems.push(`${t('import.picture', { n: n + 1 })}: ${problemOf(error, taking.signal)}`);
    }
  }
  if (images.length === 0) {
    await dropEmptyDraft({ em: em.fork() }, postId);
    throw new AppError('invalid', problems[0] ?? t('import.no-pictures'));
  }
  await save(taking, postId, doc, images);
  const notes: string[] = [];
  if (problems.length === 0) {
    await keepMark(em.fork(), viewer.id, `${doc.uri}#whole`, { kind: 'post', targetId: postId }, now());
    if (taking.publishes && doc.state === 'published') {
      await publish(taking, postId, doc).catch((error: unknown) => {
        notes.push(problemOf(error, taking.signal));
      });
    }
    if (doc.isPinned) notes.push(...(await pinHere(taking, { kind: 'post', id: postId })));
  }
  const isDraft = (await em.fork().findOneOrFail(Post, postId)).state !== 'published';
  const path = isDraft ? `/posts/${postId}/edit` : `/posts/${postId}`;
  return { path, isHeld: await isHeld(em, 'post', postId), problems, notes };
}

const isThere = async ({ work: { em, viewer } }: Taking, id: number): Promise<boolean> =>
  (await em.fork().count(Post, { id, owner: viewer.id, state: { $ne: 'deleted' } })) > 0;

async function ensurePost(taking: Taking, { uri, title, versionUri }: PostDoc): Promise<number> {
  const { work, nodeOrigin } = taking;
  const mark = await findMark(work.em, work.viewer.id, uri);
  if (mark?.kind === 'post' && (await isThere(taking, Number(mark.targetId)))) return Number(mark.targetId);
  const versionId =
    versionUri === null ? null : await findVersionHere(work.em.fork(), work.viewer.id, nodeOrigin, versionUri);
  return work.em.fork().transactional(async (em) => {
    const post = await createDraft({ ...work, em }, { versionId: versionId ?? 0, title });
    await keepMark(em, work.viewer.id, uri, { kind: 'post', targetId: post.id }, work.now());
    return post.id;
  });
}

/** The pictures of words: they wait in a draft until the words are said. */
export async function bringPictures(
  taking: Taking,
  docs: readonly ImageDoc[],
): Promise<{ readonly pictures?: GivenPictures; readonly problems: string[] }> {
  const problems: string[] = [];
  if (docs.length === 0) return { problems };
  const { work, allowedLevels } = taking;
  const draft = await createDraft({ ...work, em: work.em.fork() });
  const pictures: GivenPicture[] = [];
  for (const [n, doc] of docs.entries()) {
    taking.signal.throwIfAborted();
    try {
      const id = await takeImage(taking, draft.id, doc);
      pictures.push({ id, level: doc.level || RATING.pg, altText: doc.altText });
    } catch (error) {
      problems.push(`${t('import.picture', { n: n + 1 })}: ${problemOf(error, taking.signal)}`);
    }
  }
  await dropEmptyDraft({ em: work.em.fork() }, draft.id);
  return { pictures: { pictures, allowedLevels }, problems };
}

/** The picture of this post, taken now or by a run before. */
async function takeImage(taking: Taking, postId: number, doc: ImageDoc): Promise<number> {
  const { work, limits, allowedLevels } = taking;
  const mark = await findMark(work.em, work.viewer.id, doc.uri);
  if (mark?.kind === 'image') {
    const id = Number(mark.targetId);
    if ((await work.em.fork().count(Image, { id, post: postId, deletedAt: null })) > 0) return id;
  }
  if (doc.path === null) throw new AppError('invalid', t('import.picture-left-out'));
  if (doc.level !== 0 && (doc.level & allowedLevels) === 0) {
    throw new AppError('invalid', t('import.not-rated', { rating: ratingLabel(doc.level) }));
  }
  const wanted = { place: doc.path, sha256: doc.sha256, totalBytes: doc.totalBytes, mostBytes: limits.maxImageBytes };
  return withBytes(taking, wanted, async (source) => {
    const made = doc.recipe && { recipe: doc.recipe as Recipe, resources: await resourcesOf(taking, doc) };
    const task = { ...work, em: work.em.fork() };
    const image = { postId, source, altText: doc.altText, caption: doc.caption, ...(made ? { made } : {}) };
    const id = await addImage(task, limits, image).then(
      ({ imageId }) => imageId,
      async (error: unknown) => {
        // a run before this one took it and died before it could say so
        const there = await findTaken(taking, postId, doc);
        if (there !== null && error instanceof AppError && error.kind === 'conflict') return there;
        throw error;
      },
    );
    if (doc.isRecipeHidden) await hideRecipe(taking, id);
    await keepMark(work.em.fork(), work.viewer.id, doc.uri, { kind: 'image', targetId: id }, work.now());
    await rm(source, { force: true });
    return id;
  });
}

const findTaken = async ({ work }: Taking, postId: number, { sha256 }: ImageDoc): Promise<number | null> =>
  sha256 === null
    ? null
    : ((await work.em.fork().findOne(Image, { post: postId, sha256, deletedAt: null }))?.id ?? null);

async function resourcesOf({ work, nodeOrigin }: Taking, doc: ImageDoc): Promise<KnownResource[]> {
  const resources: KnownResource[] = [];
  for (const { kind, name, hash, weight, versionUri } of doc.resources) {
    const versionId =
      versionUri === null ? null : await findVersionHere(work.em.fork(), work.viewer.id, nodeOrigin, versionUri);
    resources.push({
      // a row says `other` of what a reader has no word for
      kind: kind as KnownResource['kind'],
      name,
      ...(hash === null ? {} : { hash }),
      ...(weight === null ? {} : { weight }),
      ...(versionId === null ? {} : { versionId }),
      ...(versionUri === null || versionId !== null ? {} : { uri: versionUri }),
    });
  }
  return resources;
}

/** Before anybody can see the post; the copy that is handed out is made without it. */
async function hideRecipe({ work }: Taking, imageId: number): Promise<void> {
  await work.em.fork().transactional(async (em) => {
    await em.nativeUpdate(Image, { id: imageId }, { isRecipeHidden: true, cleanSha256: null });
    work.jobs.enqueue(em, renderImageJob, { imageId }, { dedupeKey: `image:${imageId}` });
    await em.flush();
  });
}

async function save(
  { work, allowedLevels, nodeOrigin }: Taking,
  postId: number,
  doc: PostDoc,
  images: readonly { readonly id: number; readonly doc: ImageDoc }[],
): Promise<void> {
  const versionId =
    doc.versionUri === null ? null : await findVersionHere(work.em.fork(), work.viewer.id, nodeOrigin, doc.versionUri);
  const form = {
    ...{ title: doc.title, caption: doc.caption, tags: readTags(doc.tags.join(',')) },
    ...{ versionId: versionId ?? 0, visibility: doc.visibility },
    images: images.map(({ id, doc: { level, altText, caption } }, order) => ({ id, level, altText, caption, order })),
  };
  await savePost({ ...work, em: work.em.fork() }, postId, form, allowedLevels);
}

async function publish({ work }: Taking, postId: number, { publishedAt }: PostDoc): Promise<void> {
  const em = work.em.fork();
  const day = publishedAt === null ? null : new Date(publishedAt);
  if (day && day < work.now()) await em.nativeUpdate(Post, { id: postId, publishedAt: null }, { publishedAt: day });
  await publishPost({ ...work, em }, postId);
}
