import { z } from 'zod';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { MOST_IMAGES } from '../../../gallery/images/add.ts';
import { editImage, ImageForm } from '../../../gallery/images/edit.ts';
import { deletePost, loadOwnImage, removeImage, restoreImage, restorePost } from '../../../gallery/posts/delete.ts';
import { assertMayPost, createDraft, loadOwnPost, PostForm, savePost } from '../../../gallery/posts/draft.ts';
import { loadEditor } from '../../../gallery/posts/editor.ts';
import { publishPost, schedulePost, unpublishPost } from '../../../gallery/posts/publish.ts';
import { takeFiles } from '../../../gallery/posts/take-files.ts';
import { DRAFT, UPLOAD } from '../../../gallery/posts/upload-routes.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { VISIBILITIES } from '../../../safety/audience.ts';
import { RATINGS } from '../../../safety/ratings.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, MOST_ID, pathId } from '../query.ts';
import { Done, done, Published, published, When } from './said.ts';

const group = 'Posts and images';
const scope = 'write:images';
/** 0 is not rated yet: nobody sees it. */
const Level = z.literal([0, ...RATINGS]);

const PostedImage = z.strictObject({
  id: z.int().min(1).max(MOST_ID),
  nsfwLevel: Level.optional(),
  /** For those who do not see it. */
  alt: z.string().max(1_500).optional(),
  caption: z.string().max(5_000).optional(),
});

const PostBody = z.strictObject({
  title: z.string().max(200).optional(),
  /** Markdown. */
  caption: z.string().max(20_000).optional(),
  tags: z
    .array(
      z
        .string()
        .max(60)
        .regex(/^[^,]*$/, 'A tag has no comma.'),
    )
    .max(30)
    .optional(),
  /** In whose gallery it stands; null for none. */
  modelVersionId: z.int().min(1).max(MOST_ID).nullable().optional(),
  visibility: z.enum(VISIBILITIES).optional(),
  /** In the order in which they are to stand; those that are not named stay, and come after. */
  images: z.array(PostedImage).max(MOST_IMAGES).optional(),
});

const OwnPost = z.object({
  id: z.int(),
  state: z.enum(['draft', 'scheduled', 'published', 'unpublished', 'deleted']),
  url: z.url(),
  publishAt: z.string().nullable(),
  ...{ title: z.string(), caption: z.string(), tags: z.array(z.string()), visibility: z.enum(VISIBILITIES) },
  modelVersionId: z.int().nullable(),
  images: z.array(
    z.object({ id: z.int(), nsfwLevel: z.int(), alt: z.string(), caption: z.string(), ready: z.boolean() }),
  ),
});

const allowedLevels = async ({ em, deps }: OwnAsk): Promise<number> =>
  (await deps.gallery.settings.read(em, nodeSettings)).allowedLevels;

async function editorOf(ask: OwnAsk, postId: number) {
  const limits = { allowedLevels: await allowedLevels(ask), maxBytes: ask.deps.gallery.maxImageBytes };
  return loadEditor({ em: ask.em.fork(), viewer: ask.viewer, now: ask.now }, postId, limits);
}

async function loadView(ask: OwnAsk, postId: number): Promise<z.output<typeof OwnPost>> {
  const { values, images, state, visibility } = await editorOf(ask, postId);
  const { title = '', caption = '', tags = '', version, publishAt } = values;
  return {
    ...{ id: postId, state: state as z.output<typeof OwnPost>['state'], url: `${ask.origin}/posts/${postId}` },
    ...{ title, caption, visibility, tags: tags.split(', ').filter((tag) => tag !== '') },
    publishAt: publishAt ? publishAt : null,
    modelVersionId: Number(version) || null,
    images: images.map(({ id, rating, alt, caption: said, isRendered }) => ({
      ...{ id, nsfwLevel: Number(rating), alt, caption: said, ready: isRendered },
    })),
  };
}

async function save(ask: OwnAsk, postId: number, body: z.output<typeof PostBody>) {
  const { values, images, visibility } = await editorOf(ask, postId);
  const order = new Map(body.images?.map(({ id }, n) => [id, n]));
  const fields: Record<string, unknown> = {
    ...values,
    visibility: body.visibility ?? visibility,
    title: body.title ?? values.title,
    caption: body.caption ?? values.caption,
    tags: body.tags?.join(', ') ?? values.tags,
    version: body.modelVersionId === undefined ? values.version : (body.modelVersionId ?? 0),
  };
  images.forEach(({ id, rating, alt, caption }, n) => {
    const given = body.images?.find((image) => image.id === id);
    fields[`rating-${id}`] = given?.nsfwLevel ?? rating;
    fields[`alt-${id}`] = given?.alt ?? alt;
    fields[`caption-${id}`] = given?.caption ?? caption;
    fields[`order-${id}`] = order.get(id) ?? MOST_IMAGES + n;
  });
  const form = checkForm(fields, PostForm);
  await savePost({ ...ask, em: ask.em.fork() }, postId, form, await allowedLevels(ask));
  return loadView(ask, postId);
}

const Refused = z.object({ name: z.string(), message: z.string() });
const Taken = z.object({
  images: z.array(z.object({ id: z.int(), name: z.string(), duplicateOf: z.url().nullable() })),
  refused: z.array(Refused),
});

export const POST_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'post', path: '/posts', name: 'createPost', group, scope, status: 201, once: true },
    summary: 'A draft of a post, into which pictures are put.',
    ...{ body: PostBody.omit({ images: true }), answer: OwnPost },
    run: async (ask, { body }) => {
      assertMayPost(ask.viewer);
      ask.take(DRAFT);
      const post = await createDraft({ ...ask, em: ask.em.fork() }, { versionId: body.modelVersionId ?? 0 });
      return save(ask, post.id, body);
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/posts/:id', name: 'getOwnPost', group, scope: 'read' },
    summary: 'A post of one’s own, drafts too.',
    ...{ params: ById, answer: OwnPost },
    run: (ask, { params }) => loadView(ask, params.id),
  }),
  defineOwn({
    ...{ method: 'patch', path: '/posts/:id', name: 'editPost', group, scope },
    summary: 'Changes a post, and ratings and words of its pictures. What is left out stays.',
    ...{ params: ById, body: PostBody, answer: OwnPost },
    run: (ask, { params, body }) => save(ask, params.id, body),
  }),
  defineOwn({
    ...{ method: 'post', path: '/posts/:id/images', name: 'addImages', group, scope },
    summary: 'Puts pictures into a post. How each was made is read out of its file.',
    params: ById,
    files: {
      most: MOST_IMAGES,
      mostBytes: ({ gallery }) => gallery.maxImageBytes,
      limit: UPLOAD,
      description: 'Pictures, each a part of the form. A bad one does not keep the others out.',
    },
    answer: Taken,
    run: async (ask, { params, files }) => {
      assertMayPost(ask.viewer);
      await loadOwnPost(ask, params.id);
      const { taken, refused } = await takeFiles(ask, ask.deps.gallery, params.id, files);
      return {
        images: taken.map(({ imageId, name, duplicateUrl }) => ({
          ...{ id: imageId, name, duplicateOf: duplicateUrl === null ? null : new URL(duplicateUrl, ask.origin).href },
        })),
        refused: refused.map(({ name, message }) => ({ name, message })),
      };
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/posts/:id/publication', name: 'publishPost', group, scope, once: true },
    summary: 'Makes a post public, now or at a time within the next year. Each picture is rated first.',
    ...{ params: ById, body: When, answer: Published },
    run: async (ask, { params: { id }, body: { publishAt } }) => {
      if (publishAt === undefined) await publishPost(ask, id);
      else await schedulePost(ask, id, { publishAt: new Date(publishAt) });
      return published(ask.em, `${ask.origin}/posts/${id}`, { kind: 'post', id });
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/posts/:id/publication', name: 'unpublishPost', group, scope },
    summary: 'Takes a post back to its owner alone.',
    ...{ params: ById, answer: OwnPost },
    run: async (ask, { params }) => {
      await unpublishPost(ask, params.id);
      return loadView(ask, params.id);
    },
  }),
  ...(
    [
      ['delete', '/posts/:id', 'deletePost', 'Deletes a post. It can be brought back for some seconds.', deletePost],
      ['post', '/posts/:id/restoration', 'restorePost', 'Brings back what was deleted a moment ago.', restorePost],
      ['delete', '/images/:id', 'deleteImage', 'Takes a picture out of its post.', removeImage],
      ['post', '/images/:id/restoration', 'restoreImage', 'Brings back a picture that was taken out.', restoreImage],
    ] as const
  ).map(([method, path, name, summary, act]) =>
    defineOwn({
      ...{ method, path, name, summary, group, scope },
      ...{ params: z.object({ id: pathId }), answer: Done },
      run: async (ask, { params }) => {
        await act(ask, params.id);
        return done;
      },
    }),
  ),
  defineOwn({
    ...{ method: 'patch', path: '/images/:id', name: 'editImage', group, scope },
    summary: 'Changes the rating and the words of a picture, and whether it tells how it was made.',
    params: ById,
    body: z.strictObject({
      nsfwLevel: z.literal([...RATINGS]).optional(),
      alt: z.string().max(1_500).optional(),
      caption: z.string().max(5_000).optional(),
      hideMeta: z.boolean().optional(),
    }),
    answer: OwnPost,
    run: async (ask, { params, body }) => {
      const { image } = await loadOwnImage({ em: ask.em.fork(), viewer: ask.viewer }, params.id);
      const hides = body.hideMeta ?? image.isRecipeHidden;
      const form = checkForm(
        {
          ...{ rating: body.nsfwLevel ?? image.level, alt: body.alt ?? image.altText },
          ...{ caption: body.caption ?? image.caption, ...(hides ? { hideRecipe: '1' } : {}) },
        },
        ImageForm,
      );
      return loadView(ask, await editImage(ask, params.id, form, await allowedLevels(ask)));
    },
  }),
];
