import type Router from '@koa/router';
import { z } from 'zod';
import { anyone, membersOnly } from '../../accounts/access/guard.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, idParam, readForm, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { showWaiting } from '../../safety/words/waiting-page.ts';
import type { GalleryDeps, PeerSilence } from '../deps.ts';
import { addResource, editImage, findVersions, ImageForm, removeResource, type VersionChoice } from '../images/edit.ts';
import { loadRawBlocks } from '../images/serve.ts';
import { loadOwnImage, removeImage } from '../posts/delete.ts';
import { workflowOf } from '../recipe/workflow.ts';
import { seeImages } from '../seen/see.ts';
import { type GatePage, type ImagePage, loadImagePage } from './image-page.ts';
import { loadPostPage, type PostPage } from './post-page.ts';

type ParamCtx = Ctx & { params: Record<string, string | undefined> };
type PostProps = PostPage & { readonly silence: PeerSilence | null };
type ImageProps = ImagePage & {
  readonly silence: PeerSilence | null;
  readonly errors: Readonly<Record<string, string>>;
  readonly message: string | null;
  readonly said: string;
};

const imagePage = view<ImageProps>('gallery/image');
const postPage = view<PostProps>('gallery/post');
const gatePage = view<GatePage>('gallery/gate');
const resourcesPage = view<ResourcesPage>('gallery/resources');

interface ResourcesPage {
  readonly imageId: number;
  readonly words: string;
  readonly versions: readonly VersionChoice[];
  readonly page: { title: string; noindex: boolean };
}

const ImageQuery = z.object({
  reveal: z.literal('1').optional().catch(undefined),
  said: z.enum(['saved', 'restored', 'resources']).optional().catch(undefined),
});
const ResourceQuery = z.object({ q: z.string().max(120).catch('') });
const ResourceForm = z.object({
  version: z.coerce.number().int().positive(),
  weight: z
    .union([z.literal('').transform(() => null), z.coerce.number().min(-10).max(10)])
    .optional()
    .catch(null),
});

/** The page of a picture and of a post, and what their owners change there. */
export function pageRoutes(routes: Router<State>, deps: GalleryDeps): void {
  const showImage = async (
    ctx: ParamCtx,
    more: Pick<ImageProps, 'errors' | 'message'> = { errors: {}, message: null },
    typed: FormState['values'] = {},
  ): Promise<void> => {
    const { reveal, said } = readQuery(ctx, ImageQuery);
    const props = await loadImagePage(ctx.state.work, idParam(ctx), { revealed: reveal === '1' }, deps.publicUrl);
    if (props.gate) gatePage(ctx, props);
    else {
      await seeImages(ctx.state.work, [props.id]);
      const silence = await deps.findSilence(ctx.state.work, props.owner.host);
      const kept = (name: keyof ImageProps['edit']) => {
        const value = typed[name];
        return typeof value === 'string' ? value : props.edit[name];
      };
      const edit = { rating: kept('rating'), alt: kept('alt'), caption: kept('caption') };
      imagePage(ctx, { ...props, ...more, edit, silence, said: said ? t(`image.said.${said}`) : '' });
    }
  };

  routes.get('/images/:id', anyone, (ctx) => showImage(ctx));

  routes.get('/posts/:id', anyone, async (ctx) => {
    const props = await loadPostPage(ctx.state.work, idParam(ctx), deps.publicUrl);
    if (props.gate) return gatePage(ctx, props);
    await seeImages(
      ctx.state.work,
      props.images.map(({ id }) => id),
    );
    postPage(ctx, { ...props, silence: await deps.findSilence(ctx.state.work, props.owner.host) });
  });

  routes.get('/images/:id/workflow.json', anyone, async (ctx) => {
    const workflow = workflowOf(await loadRawBlocks(ctx.state.work, idParam(ctx)));
    if (workflow === null) throw new AppError('not_found', 'This picture carries no workflow.');
    // octets, not JSON: a peer must never take an upload for a document of ours
    ctx.set({
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': `attachment; filename="workflow-${idParam(ctx)}.json"`,
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'Cache-Control': 'private, no-cache',
    });
    ctx.body = Buffer.from(workflow);
  });

  routes.post('/images/:id/edit', membersOnly, (ctx) =>
    submitForm(
      ctx,
      ImageForm,
      async (form) => {
        const { allowedLevels } = await deps.settings.read(ctx.state.work.em, nodeSettings);
        const postId = await editImage(ctx.state.work, idParam(ctx), form, allowedLevels);
        if (await showWaiting(ctx, { kind: 'post', id: postId })) return;
        ctx.redirect(`/images/${idParam(ctx)}?said=saved`);
      },
      ({ errors, message, values }) => showImage(ctx, { errors, message }, values),
    ),
  );

  routes.post('/images/:id/removal', membersOnly, async (ctx) => {
    const postId = await removeImage(ctx.state.work, idParam(ctx));
    ctx.redirect(`/posts/${postId}/edit?removed=${idParam(ctx)}`);
  });

  routes.get('/images/:id/resources', membersOnly, async (ctx) => {
    await loadOwnImage(ctx.state.work, idParam(ctx));
    const { q } = readQuery(ctx, ResourceQuery);
    resourcesPage(ctx, {
      imageId: idParam(ctx),
      words: q,
      versions: await findVersions(ctx.state.work, q),
      page: { title: t('resource.add'), noindex: true },
    });
  });

  routes.post('/images/:id/resources', membersOnly, async (ctx) => {
    const { version, weight } = await readForm(ctx, ResourceForm);
    await addResource(ctx.state.work, idParam(ctx), version, weight ?? null);
    ctx.redirect(`/images/${idParam(ctx)}?said=resources`);
  });

  routes.post('/images/:id/resources/:use/removal', membersOnly, async (ctx) => {
    await removeResource(ctx.state.work, idParam(ctx), uuidParam(ctx, 'use'));
    ctx.redirect(`/images/${idParam(ctx)}?said=resources`);
  });
}
