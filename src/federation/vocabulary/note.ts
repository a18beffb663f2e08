import { AppError } from '../../kit/errors.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { isOpen, type Visibility } from '../../safety/audience.ts';
import type { ApObject } from '../normalise.ts';
import { readId } from '../origin.ts';
import { type Audience, addresseesOf, audienceFields, readVisibility } from './audience.ts';
import { talkFields } from './collection.ts';
import { AS_PUBLIC, type Document } from './context.ts';
import { readNoteDetails } from './details.ts';
import { buildPicture, type PictureView, readPictures, readRating } from './picture.ts';
import { booleanOf, htmlOf, linkOf, objectsOf, ownerUriOf, textOf, timeOf, totalOf, uriOf } from './read.ts';
import { type Mention, readMentionUris, readTags, type TagLink, tagField } from './tags.ts';

/** What every published thing has in common: it is a Note, so that every server shows it. */
export interface NoteView {
  readonly uri: string;
  readonly ownerUri: string;
  /** The page for people. */
  readonly url: string;
  readonly publishedAt: Date;
  readonly updatedAt: Date | null;
  /** Already sanitised HTML. */
  readonly contentHtml: string;
  readonly audience: Audience;
  readonly tags: readonly TagLink[];
  readonly mentions: readonly Mention[];
  /** Civitai's bits. Above PG-13 the note is sent as sensitive with a warning. */
  readonly rating: number;
  /** Said in place of the content until it is opened; null takes the wording of the rating. */
  readonly warning: string | null;
  readonly likeCount: number;
  /** Answers that are shown under it; 0 when not given. */
  readonly replyCount?: number;
  readonly shareCount?: number;
}

const PG_13 = 2;
const WARNINGS: readonly (readonly [bit: number, warning: string])[] = [
  [16, 'Explicit images (XXX)'],
  [8, 'Explicit images (X)'],
  [4, 'Mature images (R)'],
];

export function noteFields(view: NoteView, kind: string | null): Document {
  const { uri, rating } = view;
  const isSensitive = rating > (PG_13 | 1);
  const warning = view.warning ?? WARNINGS.find(([bit]) => (rating & bit) !== 0)?.[1] ?? null;
  return {
    id: uri,
    type: 'Note',
    ...(kind === null ? {} : { kind }),
    attributedTo: view.ownerUri,
    url: view.url,
    published: view.publishedAt.toISOString(),
    ...(view.updatedAt === null ? {} : { updated: view.updatedAt.toISOString() }),
    ...(warning === null ? {} : { summary: warning }),
    sensitive: isSensitive || view.warning !== null,
    rating,
    content: view.contentHtml,
    ...audienceFields(view.audience),
    ...quotePolicy(view.audience),
    tag: tagField(view.tags, view.mentions),
    ...talkFields(uri, { replyCount: 0, shareCount: 0, ...view }),
  };
}

/** Who may quote it without being asked (FEP-044f): everybody, what everybody may read. */
function quotePolicy({ visibility }: Audience): Document {
  return isOpen(visibility) ? { interactionPolicy: { canQuote: { automaticApproval: [AS_PUBLIC] } } } : {};
}

export interface PostView extends NoteView {
  readonly title: string | null;
  /** 1 to 20; order is theirs. */
  readonly pictures: readonly PictureView[];
}

export function buildPost(view: PostView): Document {
  return {
    ...noteFields(view, 'Image'),
    ...(view.title === null ? {} : { name: view.title }),
    attachment: view.pictures.map((one) => buildPicture(one, 'Image')),
  };
}

export interface CommentView extends NoteView {
  readonly inReplyToUri: string;
  readonly pictures: readonly PictureView[];
}

export function buildComment({ pictures, ...view }: CommentView): Document {
  const attachment = pictures.map((one) => buildPicture(one, 'Document'));
  return { ...noteFields(view, null), attachment, inReplyTo: view.inReplyToUri };
}

/** A note of a peer. `kind` says whether it is one of ours; a plain Mastodon post has none. */
export interface RemoteNote {
  readonly uri: string;
  readonly kind: string | null;
  readonly ownerUri: string;
  readonly url: string;
  readonly title: string | null;
  /** Raw: goes through the sanitiser before anybody sees it. */
  readonly contentHtml: string;
  readonly warning: string | null;
  readonly isSensitive: boolean;
  /** 2 (PG-13) without a word of the peer, 4 (R) when sensitive (DESIGN.md, section 3). */
  readonly rating: number;
  readonly visibility: Visibility;
  readonly inReplyToUri: string | null;
  readonly contextUri: string | null;
  readonly pictures: readonly PictureView[];
  readonly tagNames: readonly string[];
  readonly mentionUris: readonly string[];
  /** Ids of accounts and collections in `to` and `cc`. */
  readonly addressees: readonly string[];
  /** As its home counts; a claim. */
  readonly likeCount: number | null;
  readonly publishedAt: Date;
  readonly updatedAt: Date | null;
}

export interface ReadingOptions {
  readonly ownOrigin: string;
  readonly now: Date;
  readonly authorFollowersUri: string | null;
}

const MOST_PICTURES = 20;
const MOST_ADDRESSEES = 100;
const NOTE_TYPES: ReadonlySet<string> = new Set(['Note', 'Article', 'Page', 'Image', 'Question', 'Document', 'Video']);
const MOST_OPTIONS = 20;

/** Throws `malformed` when it is nothing that can be shown as a post. Who may say so is for the gate. */
export function parseNote(object: ApObject, { ownOrigin, now, authorFollowersUri }: ReadingOptions): RemoteNote {
  const { id, type = '' } = object;
  const ownerUri = ownerUriOf(object);
  if (!id || !readId(id, ownOrigin) || !NOTE_TYPES.has(type) || ownerUri === null || !readId(ownerUri, ownOrigin)) {
    throw new AppError('malformed', 'This is not a post.');
  }
  const isSensitive = booleanOf(object, 'sensitive') ?? false;
  const url = linkOf(object, 'url');
  return {
    uri: id,
    kind: textOf(object, 'kind', 40),
    ownerUri,
    url: url !== null && new URL(url).host === new URL(id).host ? url : id,
    title: textOf(object, 'name', 200),
    contentHtml: `${htmlOf(object, 'content')}${pollHtml(object)}`,
    warning: textOf(object, 'summary', 500),
    isSensitive,
    rating: readRating(object) ?? (isSensitive ? 4 : PG_13),
    visibility: readVisibility(object, authorFollowersUri),
    inReplyToUri: uriOf(object, 'inReplyTo', ownOrigin),
    contextUri: uriOf(object, 'context', ownOrigin),
    pictures: readPictures(object, MOST_PICTURES, ownOrigin),
    tagNames: readNoteDetails(object).details?.tags ?? readTags(object),
    mentionUris: readMentionUris(object, ownOrigin),
    addressees: addresseesOf(object).slice(0, MOST_ADDRESSEES),
    likeCount: totalOf(object, 'likes'),
    publishedAt: timeOf(object, 'published', now) ?? now,
    updatedAt: timeOf(object, 'updated', now),
  };
}

/** The choices of a poll as a list; voting happens at its home. */
function pollHtml(object: ApObject): string {
  if (object.type !== 'Question') return '';
  const options = [...objectsOf(object, 'oneOf', MOST_OPTIONS), ...objectsOf(object, 'anyOf', MOST_OPTIONS)];
  const items = options.flatMap((option) => {
    const name = textOf(option, 'name', 300);
    const votes = totalOf(option, 'replies');
    return name === null ? [] : `<li>${escapeHtml(name)}${votes === null ? '' : ` (${votes})`}</li>`;
  });
  return items.length === 0 ? '' : `<ul>${items.join('')}</ul>`;
}
