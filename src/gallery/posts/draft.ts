import { isDeepStrictEqual } from 'node:util';
import { type EntityManager, ref } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { seesModel } from '../../catalogue/access.ts';
import { ModelVersion } from '../../catalogue/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { VISIBILITIES, type Visibility } from '../../safety/audience.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { assertNotShut } from '../../safety/standing.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { postUpdated } from '../events.ts';
import { addVersionUse } from '../images/made-with.ts';
import { Image, Post } from '../model.ts';
import { assertNamed, type FindPerson, findKnown, resolveMentions, setMentions } from './mentions.ts';
import { isSettled, relistPost } from './relist.ts';
import { listPostTags, readTags, setPostTags } from './tags.ts';
import { wordsOfPost } from './words.ts';

/** The fields of one picture stand in the form as `rating-<id>`, `alt-<id>`, `caption-<id>`, `order-<id>`. */
export interface ImageFields {
  readonly id: number;
  readonly level: number | undefined;
  readonly altText: string | undefined;
  readonly caption: string | undefined;
  readonly order: number | undefined;
}

const optionalText = (max: number, message: string) => z.string().max(max, message).optional();

export const PostForm = z
  .looseObject({
    title: z.string().trim().max(200, 'A title has at most 200 characters.').default(''),
    caption: z.string().max(20_000, 'A text has at most 20,000 characters.').default(''),
    tags: z.string().max(2_000, 'These are too many tags.').default(''),
    version: z.coerce.number().int().nonnegative().catch(0).default(0),
    /** Absent, or nonsense: as it was. */
    visibility: z.enum(VISIBILITIES).optional().catch(undefined),
  })
  .transform((form, ctx) => {
    const { title, caption, tags, version, visibility } = form;
    return { title, caption, tags: readTags(tags), versionId: version, visibility, images: imagesOf(form, ctx) };
  });
export type PostFields = z.output<typeof PostForm>;

const ImageForm = z.object({
  rating: z.coerce
    .number()
    .refine((level) => level === 0 || (RATINGS as readonly number[]).includes(level), 'There is no such rating.')
    .optional(),
  alt: optionalText(1500, 'A description has at most 1,500 characters.'),
  caption: optionalText(5_000, 'A caption has at most 5,000 characters.'),
  order: z.coerce.number().min(0).max(1_000).optional().catch(undefined),
});

function imagesOf(form: Record<string, unknown>, ctx: z.core.$RefinementCtx): ImageFields[] {
  const found = new Map<number, Record<string, unknown>>();
  for (const [name, value] of Object.entries(form)) {
    const match = /^(rating|alt|caption|order)-([1-9]\d{0,9})$/.exec(name);
    if (!match) continue;
    const id = Number(match[2]);
    found.set(id, { ...found.get(id), [match[1] ?? '']: value });
  }
  return [...found].flatMap(([id, fields]) => {
    const parsed = ImageForm.safeParse(fields);
    for (const issue of parsed.error?.issues ?? []) {
      ctx.addIssue({ code: 'custom', path: [`${String(issue.path[0])}-${id}`], message: issue.message });
    }
    if (!parsed.success) return [];
    const { rating, alt, caption, order } = parsed.data;
    return [{ id, level: rating, altText: alt, caption, order }];
  });
}

/** Throws `unauthenticated` or `forbidden` for who may not publish here. */
export function assertMayPost(viewer: Work['viewer']): asserts viewer is NonNullable<Work['viewer']> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in to publish pictures.');
  if (!can(viewer, 'publish')) throw new AppError('forbidden', 'Your account may not publish on this node.');
}

/** An empty post that only its owner sees; it is for whom their last one was for. */
export async function createDraft(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { versionId = 0, title = '' }: { versionId?: number; title?: string } = {},
): Promise<Post> {
  assertMayPost(viewer);
  const version = await findVersion(em, viewer, versionId);
  const post = em.create(Post, {
    owner: em.getReference(Account, viewer.id),
    version: version && em.getReference(ModelVersion, version.id),
    title,
    visibility: await lastVisibility(em, viewer.id),
    createdAt: now(),
    updatedAt: now(),
  });
  await em.persist(post).flush();
  return post;
}

/** What somebody chose last, apart from what they sent to named people alone. */
async function lastVisibility(em: EntityManager, ownerId: number): Promise<Visibility> {
  const [last] = await rows<{ visibility: Visibility }>(
    em,
    `select visibility from post where owner_id = ? and shown_at is not null and visibility <> 'direct'
     order by shown_at desc, id desc limit 1`,
    [ownerId],
  );
  return last?.visibility ?? 'public';
}

/** A draft into which no picture came; anything else stays. */
export async function dropEmptyDraft({ em }: Pick<Work, 'em'>, postId: number): Promise<void> {
  await em.transactional(async (tx) => {
    if ((await tx.count(Image, { post: postId })) === 0) await tx.nativeDelete(Post, { id: postId, state: 'draft' });
  });
}

/** A version in whose gallery this person may post: any that they see, and their own drafts. */
async function findVersion(em: EntityManager, viewer: Viewer, versionId: number): Promise<ModelVersion | null> {
  if (versionId === 0) return null;
  const version = await em.findOne(ModelVersion, versionId, { populate: ['model'] });
  if (!version || version.state === 'deleted') return null;
  if (version.model.$.owner.id === viewer.id) return version;
  const isPublished = version.state === 'published' && version.model.$.state === 'published';
  return isPublished && (await seesModel(em, viewer, version.model.id)) ? version : null;
}

/** Throws `not_found` for what is not the viewer's own or was deleted. */
export async function loadOwnPost({ em, viewer }: Pick<Work, 'em' | 'viewer'>, postId: number): Promise<Post> {
  const post = viewer && (await em.findOne(Post, { id: postId, owner: viewer.id, isLocal: true, talkKind: null }));
  if (!post || post.state === 'deleted') throw new AppError('not_found', 'There is no such post.');
  await assertNotShut(em, [{ kind: 'post', id: postId }]);
  return post;
}

/**
 * Keeps what was typed, also half done; a published post shows it at once, and whom it is no longer for loses it.
 * `allowedLevels` is the node's ceiling; `find` finds whom the text names.
 */
export async function savePost(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>,
  postId: number,
  form: PostFields,
  allowedLevels: number,
  find: FindPerson = findKnown(work.em),
): Promise<Post> {
  const before = await loadOwnPost(work, postId);
  // before the transaction: their server may have to be asked
  const named = await resolveMentions(form.caption, find);
  const visibility = form.visibility ?? before.visibility;
  if (before.state === 'published') assertNamed(visibility, named);
  const heldFor = await readChange(work, before, form);
  return work.em.transactional(async (em) => {
    const { viewer, jobs, now } = work;
    const post = await loadOwnPost({ em, viewer }, postId);
    const isPublished = post.state === 'published';
    const { title, caption } = form;
    Object.assign(post, { title, caption, visibility, updatedAt: now() });
    const version = viewer && (await findVersion(em, viewer, form.versionId));
    const hadVersionId = post.version?.id;
    post.version = version && ref(version);
    const images = await em.find(Image, { post, deletedAt: null }, { orderBy: { position: 'asc', id: 'asc' } });
    for (const image of images) {
      const fields = form.images.find(({ id }) => id === image.id);
      const level = fields && (await isSettled(em, image.id, postId)) ? image.level : fields?.level;
      if (fields) setImageFields(image, { ...fields, level }, isPublished, allowedLevels);
    }
    const orderOf = (image: Image) => form.images.find(({ id }) => id === image.id)?.order ?? 1_000 + image.position;
    [...images]
      .sort((a, b) => orderOf(a) - orderOf(b))
      .forEach((image, position) => {
        image.position = position;
      });
    await em.flush();
    await setPostTags(em, post.id, form.tags);
    await setMentions(em, { post: post.id }, post.owner.id, named.accountIds);
    if (version && version.id !== hadVersionId) await addVersionUse(em, version.id, images);
    if (heldFor !== null) await holdWords(em, { kind: 'post', id: postId }, post.owner.id, heldFor, now());
    await relistPost({ em, jobs }, post);
    if (isPublished) record(em, postUpdated, { postId });
    await em.flush();
    return post;
  });
}

/** Words of what others see are read when they change; those of drafts when they are published. */
async function readChange(
  { em, viewer, words }: Pick<Work, 'em' | 'viewer' | 'words'>,
  post: Post,
  form: PostFields,
): Promise<string | null> {
  if (!viewer || (post.state !== 'published' && post.state !== 'scheduled')) return null;
  const images = await em.find(Image, { post, deletedAt: null }, { orderBy: { position: 'asc', id: 'asc' } });
  const typed = images.map(({ id, level, altText, caption }) => {
    const fields = form.images.find((one) => one.id === id);
    return {
      ...{ id, level: fields?.level || level },
      ...{ altText: fields?.altText?.trim() ?? altText, caption: fields?.caption?.trim() ?? caption },
    };
  });
  const before = wordsOfPost(post, await listPostTags(em, post.id), images);
  const after = wordsOfPost(form, form.tags, typed);
  return isDeepStrictEqual(before, after) ? null : words.read({ author: viewer, ...after });
}

function setImageFields(image: Image, fields: ImageFields, isPublished: boolean, allowedLevels: number): void {
  const { level, altText, caption } = fields;
  if (altText !== undefined) image.altText = altText.trim();
  if (caption !== undefined) image.caption = caption.trim();
  if (level === undefined || (isPublished && level === 0)) return;
  if (level !== 0 && (level & allowedLevels) === 0) {
    throw new AppError('invalid', `This node does not take pictures rated ${ratingLabel(level)}.`, {
      fields: { [`rating-${image.id}`]: `This node does not take pictures rated ${ratingLabel(level)}.` },
    });
  }
  image.level = level;
}
