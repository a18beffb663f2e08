import { escapeHtml } from '../../kit/web/filters.ts';
import type { ApObject } from '../normalise.ts';
import type { Document } from './context.ts';
import { type NoteView, noteFields } from './note.ts';
import { buildPicture, type PictureView } from './picture.ts';
import { booleanOf } from './read.ts';

export interface ReviewNoteView
  extends Pick<
    NoteView,
    'uri' | 'ownerUri' | 'url' | 'publishedAt' | 'updatedAt' | 'audience' | 'mentions' | 'likeCount' | 'replyCount'
  > {
  readonly isRecommended: boolean;
  /** What it is of, in words. */
  readonly subject: string;
  /** Already sanitised HTML; may be empty. */
  readonly textHtml: string;
  readonly modelUri: string;
  readonly versionUri: string;
  readonly rating: number;
  readonly pictures: readonly PictureView[];
}

/** A note that says its verdict in words too, because most servers know no other. */
export function buildReview({
  isRecommended,
  subject,
  textHtml,
  modelUri,
  versionUri,
  pictures,
  ...note
}: ReviewNoteView): Document {
  const verdict = isRecommended ? '👍 Recommended' : '👎 Not recommended';
  const head = `<p>${verdict}: <a href="${escapeHtml(versionUri)}">${escapeHtml(subject)}</a></p>`;
  const plain = { tags: [], warning: null };
  return {
    ...noteFields({ ...note, ...plain, contentHtml: `${head}${textHtml}` }, 'Review'),
    attachment: pictures.map((one) => buildPicture(one, 'Document')),
    inReplyTo: modelUri,
    context: versionUri,
    recommended: isRecommended,
    // the words alone, for readers who show verdict and version in their own way
    source: { mediaType: 'text/html', content: textHtml },
  };
}

/** Thumb up or down. Null for anything else: stars and points are no verdict of ours (A03). */
export const readVerdict = (object: ApObject): boolean | null => booleanOf(object, 'recommended');
