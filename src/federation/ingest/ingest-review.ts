import type { EntityManager } from '@mikro-orm/core';
import { isBlockedEither } from '../../accounts/block.ts';
import type { Account } from '../../accounts/model.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { setMentions } from '../../gallery/posts/mentions.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { deleteReview, writeReview } from '../../gallery/reviews/write.ts';
import { sayingOf } from '../../gallery/talk/comments.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import type { RemoteNote } from '../vocabulary/note.ts';
import { readVerdict } from '../vocabulary/review.ts';
import { idsOf, isForPage } from './ingest-comment.ts';
import { type ProvenObject, storeObject } from './store.ts';
import { tellPictures } from './talk-pictures.ts';
import { findTarget, isFor } from './target.ts';
import { sourceOf } from './words/source.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'words' | 'now'>;

export const isReview = ({ kind }: { readonly kind?: string | null }): boolean => kind === 'Review';

/** The same answer for what is not there, not for its author, or across a block (O20). */
const NOTHING = 'reviews nothing here';

/** Writes a peer's review of a version that is here. Returns what came of it. Again is harmless. */
export async function ingestReview(
  { em, jobs, words, now }: Task,
  site: Pick<Federation, 'origin' | 'host' | 'jobs'>,
  author: Account,
  told: Pick<
    RemoteNote,
    | 'uri'
    | 'inReplyToUri'
    | 'contextUri'
    | 'contentHtml'
    | 'publishedAt'
    | 'visibility'
    | 'addressees'
    | 'mentionUris'
    | 'pictures'
    | 'rating'
    | 'isSensitive'
  >,
  proven: ProvenObject,
): Promise<string> {
  const target = told.inReplyToUri === null ? null : await findTarget(em, site.origin, told.inReplyToUri);
  if (target?.kind !== 'model' || !(await isFor(em, author, target))) return NOTHING;
  if (await isBlockedEither({ em }, author.id, target.ownerId)) return NOTHING;
  const version = await findVersion(em, site.origin, told.contextUri);
  if (version?.model.id !== target.id) return NOTHING;
  const isRecommended = readVerdict(proven.object);
  if (isRecommended === null) return 'says no verdict';

  const isForAll = await isForPage(site, em, { model: version.model, post: null, image: null, review: null }, told);
  const known = await em.findOne(Review, { uri: told.uri });
  if (known && known.author.id !== author.id) return 'not its author';
  if (!isForAll && !known) return 'for fewer than see the model';
  const text = sourceOf(proven.object) ?? told.contentHtml;
  // before the transaction, in which it would wait for itself
  const heldFor = known?.text === text ? null : await words.read(sayingOf(speakerOf(author), text, true));
  const read = { read: async () => heldFor };
  try {
    return await em.transactional(async (inner) => {
      if (!(await storeObject({ em: inner, now }, proven))) return 'older than what is known';
      if (!isForAll) {
        if (known?.deletedAt == null) await deleteReview({ em: inner, now }, speakerOf(author), known?.id ?? '');
        return 'for fewer than see the model';
      }
      const id = await writeReview({ em: inner, words: read, now }, speakerOf(author), version.id, {
        isRecommended,
        text,
        remote: { uri: told.uri, createdAt: told.publishedAt, host: author.host },
      });
      await setMentions(inner, { review: id }, author.id, await idsOf(site, inner, told.mentionUris));
      await tellPictures({ em: inner, jobs, now }, site, { kind: 'review', id, authorId: author.id }, told);
      return 'done';
    });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // of a draft, of the author's own, or one too many
    return target.ownerId === author.id ? 'of their own model' : `refused: ${error.message}`;
  }
}

const speakerOf = ({ id }: Account) => ({ id, permissions: 0 });

async function findVersion(em: EntityManager, origin: string, uri: string | null): Promise<ModelVersion | null> {
  if (uri === null) return null;
  const own = readOwnUri(origin, uri);
  if (own) return own.kind === 'version' ? em.findOne(ModelVersion, { id: Number(own.id), uri: null }) : null;
  return em.findOne(ModelVersion, { uri });
}

/** Its author, or their host, took it back. False when it is no review of elsewhere. */
export async function removeReview(work: Pick<Work, 'em' | 'now'>, uri: string): Promise<boolean> {
  const review = await work.em.findOne(Review, { uri, isLocal: false, deletedAt: null });
  if (!review) return false;
  await deleteReview(work, { id: review.author.id, permissions: 0 }, review.id);
  return true;
}
