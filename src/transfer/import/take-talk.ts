import { createCollection } from '../../gallery/collections/edit.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { collect } from '../../gallery/collections/together/put.ts';
import { Comment } from '../../gallery/model.ts';
import { writeReview } from '../../gallery/reviews/write.ts';
import { addComment } from '../../gallery/talk/comments.ts';
import type { Subject } from '../../gallery/talk/target.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import { CollectionDoc, CommentDoc, ReviewDoc } from '../format.ts';
import { isHeld } from './held.ts';
import { findHere, findMark, findVersionHere, keepMark, type Mark } from './marks.ts';
import { bringPictures } from './take-post.ts';
import { problemOf, type Taken, type Taking } from './taking.ts';

/** What was said to whoever sees the page. What it stood under has to be here. */
export async function takeComment(taking: Taking, plan: unknown): Promise<Taken> {
  const doc = CommentDoc.parse(plan);
  const { work, nodeOrigin } = taking;
  const { viewer, now } = work;
  const em = work.em.fork();
  const mark = await findMark(em, viewer.id, doc.uri);
  if (mark && (await em.count(Comment, { id: mark.targetId })) > 0) {
    return { path: `/comments/${mark.targetId}`, isKnown: true, problems: [] };
  }
  if (doc.audience !== 'page') throw new AppError('invalid', t('import.said-to-few'));
  const subject = subjectOf(await findHere(em, viewer.id, nodeOrigin, doc.on.uri));
  const parent = doc.parentUri === null ? null : await findHere(em, viewer.id, nodeOrigin, doc.parentUri);
  // a run before this one may have died between the comment and its mark
  const own = { author: viewer.id, [subject.kind]: subject.id, text: doc.text, deletedAt: null };
  const there = await em.findOne(Comment, own);
  const { pictures = undefined, problems } = there ? { problems: [] } : await bringPictures(taking, doc.images);
  const id =
    there?.id ??
    (await addComment({ ...work, em }, viewer, subject, {
      text: doc.text,
      pictures,
      ...(parent?.kind === 'comment' ? { parentId: parent.targetId } : {}),
    }));
  await keepMark(work.em.fork(), viewer.id, doc.uri, { kind: 'comment', targetId: id }, now());
  return { path: `/comments/${id}`, isHeld: await isHeld(work.em, 'comment', id), problems };
}

function subjectOf(here: Mark | null): Subject {
  if (here?.kind === 'review') return { kind: 'review', id: here.targetId };
  if (here?.kind === 'model' || here?.kind === 'post' || here?.kind === 'image') {
    return { kind: here.kind, id: Number(here.targetId) };
  }
  throw new AppError('not_found', t('import.not-here'));
}

export async function takeReview(taking: Taking, plan: unknown): Promise<Taken> {
  const doc = ReviewDoc.parse(plan);
  const { work, nodeOrigin } = taking;
  const { viewer, now } = work;
  const em = work.em.fork();
  const isKnown = (await findMark(em, viewer.id, doc.uri)) !== null;
  const versionId = await findVersionHere(em, viewer.id, nodeOrigin, doc.versionUri);
  if (versionId === null) throw new AppError('not_found', t('import.not-here'));
  if (isKnown) return { path: `/versions/${versionId}`, isKnown, problems: [] };
  const { pictures, problems } = await bringPictures(taking, doc.images);
  const id = await writeReview({ ...work, em }, viewer, versionId, {
    ...{ isRecommended: doc.isRecommended, text: doc.text, pictures },
  });
  await keepMark(work.em.fork(), viewer.id, doc.uri, { kind: 'review', targetId: id }, now());
  return { path: `/reviews/${id}`, isHeld: await isHeld(work.em, 'review', id), problems };
}

/** What of it is not public here yet is told, and put in by another try. */
export async function takeCollection(taking: Taking, plan: unknown): Promise<Taken> {
  const doc = CollectionDoc.parse(plan);
  const { work, nodeOrigin, signal } = taking;
  const { viewer, now } = work;
  const id = await ensureCollection(taking, doc);
  let missing = 0;
  // what is put in comes before all else, so the last goes first
  for (const { kind, uri } of [...doc.items].reverse()) {
    signal.throwIfAborted();
    const here = await findHere(work.em.fork(), viewer.id, nodeOrigin, uri);
    if (here?.kind !== kind) missing += 1;
    else {
      const task = { ...work, em: work.em.fork() };
      await collect(task, id, { kind, id: Number(here.targetId) }).catch((error: unknown) => {
        problemOf(error, signal);
        missing += 1;
      });
    }
  }
  await keepMark(work.em.fork(), viewer.id, doc.uri, { kind: 'collection', targetId: id }, now());
  const problems = missing > 0 ? [t('import.not-collected', { n: missing, all: doc.items.length })] : [];
  return { path: `/collections/${id}`, isHeld: await isHeld(work.em, 'collection', id), problems };
}

async function ensureCollection({ work }: Taking, doc: CollectionDoc): Promise<number> {
  const { viewer, now } = work;
  const em = work.em.fork();
  const own = { owner: viewer.id, deletedAt: null };
  const mark = await findMark(em, viewer.id, doc.uri);
  if (mark && (await em.count(Collection, { ...own, id: Number(mark.targetId) })) > 0) return Number(mark.targetId);
  const { name, description, visibility, adders, intake } = doc;
  const { id } = await createCollection({ ...work, em }, { name, description, visibility, adders, intake });
  await keepMark(work.em.fork(), viewer.id, doc.uri, { kind: 'collection', targetId: id }, now());
  return id;
}
