import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, idParam, readForm, readQuery, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { GalleryDeps } from '../deps.ts';
import { loadSubject, urlOf } from '../talk/target.ts';
import { eyesOf } from '../views.ts';
import {
  type Collected,
  CollectionForm,
  collect,
  createCollection,
  deleteCollection,
  editCollection,
  loadOwnCollection,
  uncollect,
} from './edit.ts';
import { type CollectionRow, listOwnCollections } from './queries.ts';

interface CollectionsPage {
  readonly collections: readonly CollectionRow[];
  /** What is to be put in; null on the page that only lists. */
  readonly thing: (Collected & { readonly url: string }) | null;
  readonly form: FormState;
}
const collectionsPage = view<CollectionsPage>('gallery/collections');

interface EditPage {
  readonly id: number;
  readonly form: FormState;
}
const editPage = view<EditPage>('gallery/collection-edit');

const ADD: Limit = { name: 'collect', max: 300, perMs: 3_600_000 };
const id = z.coerce.number().int().positive().max(2_147_483_647).optional();
const Thing = z.object({ model: id.catch(undefined), post: id.catch(undefined) });
const ItemForm = Thing.extend({ on: z.enum(['0', '1']).default('1') });
const NewForm = CollectionForm.extend(Thing.shape);

function thingOf({ model, post }: z.output<typeof Thing>): Collected | null {
  if (model !== undefined) return { kind: 'model', id: model };
  return post === undefined ? null : { kind: 'post', id: post };
}

/** Collections of the viewer: any member makes, fills and edits their own. The page of one stands in discovery. */
export function collectionRoutes(routes: Router<State>, { limits }: GalleryDeps): void {
  const show = async (ctx: Ctx, thing: Collected | null, form: FormState = EMPTY_FORM) => {
    const { work } = ctx.state;
    // what the viewer may not see is not named either
    if (thing) await loadSubject(work.em, work.viewer, thing);
    collectionsPage(ctx, {
      collections: await listOwnCollections(work, thing, (await eyesOf(work.em, work.viewer)).levels),
      thing: thing && { ...thing, url: urlOf(thing) },
      form,
      page: { title: t(thing ? 'collections.add-to' : 'collections.title'), noindex: true },
    });
  };

  routes.get('/collections', membersOnly, (ctx) => show(ctx, thingOf(readQuery(ctx, Thing))));

  routes.post('/collections', membersOnly, async (ctx) => {
    limits.take(ctx, ADD);
    let thing: Collected | null = null;
    await submitForm(
      ctx,
      NewForm,
      async ({ model, post, ...form }) => {
        thing = thingOf({ model, post });
        const made = await createCollection(ctx.state.work, form);
        if (thing) await collect(ctx.state.work, made.id, thing);
        ctx.redirect(`/collections/${made.id}`);
      },
      (form) => show(ctx, thing ?? thingOf(Thing.parse(form.values)), form),
    );
  });

  routes.post('/collections/:id/items', membersOnly, async (ctx) => {
    limits.take(ctx, ADD);
    const { on, ...named } = await readForm(ctx, ItemForm);
    const thing = thingOf(named);
    if (thing && on === '1') await collect(ctx.state.work, idParam(ctx), thing);
    else if (thing) await uncollect(ctx.state.work, idParam(ctx), thing);
    ctx.redirect(thing ? `/collections?${thing.kind}=${thing.id}` : `/collections/${idParam(ctx)}`);
  });

  const edit = async (ctx: Ctx & { params: Record<string, string | undefined> }, form?: FormState) => {
    const { name, description, visibility } = await loadOwnCollection(ctx.state.work, idParam(ctx));
    editPage(ctx, {
      id: idParam(ctx),
      form: form ?? { ...EMPTY_FORM, values: { name, description, visibility } },
      page: { title: t('collection.edit'), noindex: true },
    });
  };

  routes.get('/collections/:id/edit', membersOnly, (ctx) => edit(ctx));

  routes.post('/collections/:id/edit', membersOnly, (ctx) =>
    submitForm(
      ctx,
      CollectionForm,
      async (form) => {
        await editCollection(ctx.state.work, idParam(ctx), form);
        ctx.redirect(`/collections/${idParam(ctx)}`);
      },
      (form) => edit(ctx, form),
    ),
  );

  routes.post('/collections/:id/removal', membersOnly, async (ctx) => {
    await deleteCollection(ctx.state.work, idParam(ctx));
    ctx.redirect('/collections');
  });
}
