import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, idParam, readForm, readQuery, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { showWaiting } from '../../safety/words/waiting-page.ts';
import { Contest } from '../contests/model.ts';
import type { GalleryDeps } from '../deps.ts';
import { loadSubject, urlOf } from '../talk/target.ts';
import { eyesOf } from '../views.ts';
import { ADD, arrangeRoutes } from './arrange-routes.ts';
import { CollectionForm, createCollection, deleteCollection, editCollection } from './edit.ts';
import { type CollectionRow, listHolders, listOwnCollections } from './queries.ts';
import { refusalRoutes } from './refusal-routes.ts';
import { type Collected, Thing, thingOf } from './thing.ts';
import { collect, uncollect } from './together/put.ts';
import { type AddableRow, listAddable } from './together/queries.ts';
import { togetherRoutes } from './together/routes.ts';
import { loadKeptCollection } from './together/standing.ts';

interface CollectionsPage {
  readonly collections: readonly CollectionRow[];
  /** Of others, to which the viewer may add. */
  readonly addable: readonly AddableRow[];
  /** What is to be put in; null on the page that only lists. */
  readonly thing: (Collected & { readonly url: string }) | null;
  /** Of others that hold what is the viewer's. */
  readonly holders: readonly CollectionRow[];
  readonly form: FormState;
}
const collectionsPage = view<CollectionsPage>('gallery/collections');

interface EditPage {
  readonly id: number;
  readonly isOwner: boolean;
  readonly hasContest: boolean;
  readonly form: FormState;
}
const editPage = view<EditPage>('gallery/collection-edit');

/** `back` leads to the page where the owner arranges what is in it, or to what somebody brought. */
const ItemForm = Thing.extend({
  on: z.enum(['0', '1']).default('1'),
  back: z.enum(['items', 'mine']).optional().catch(undefined),
});
/** `stay` leads back to the choice of collections for the thing. */
const NewForm = CollectionForm.extend(Thing.shape).extend({ stay: z.literal('1').optional().catch(undefined) });

/** Collections of the viewer: any member makes, fills and edits their own. The page of one stands in discovery. */
export function collectionRoutes(routes: Router<State>, deps: GalleryDeps): void {
  const { limits } = deps;
  const show = async (ctx: Ctx, thing: Collected | null, form: FormState = EMPTY_FORM) => {
    const { work } = ctx.state;
    // what the viewer may not see is not named either
    const subject = thing && (await loadSubject(work.em, work.viewer, thing));
    const eyes = await eyesOf(work.em, work.viewer);
    collectionsPage(ctx, {
      collections: await listOwnCollections(work, thing, eyes),
      addable: await listAddable(work, thing),
      thing: thing && { ...thing, url: urlOf(thing) },
      holders: thing && subject?.ownerId === work.viewer?.id ? await listHolders(work, thing, eyes) : [],
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
      async ({ model, post, image, stay, ...form }) => {
        thing = thingOf({ model, post, image });
        const made = await createCollection(ctx.state.work, form);
        // what waits for a person holds nothing yet
        if (await showWaiting(ctx, { kind: 'collection', id: made.id })) return;
        if (thing) await collect(ctx.state.work, made.id, thing);
        ctx.redirect(thing && stay ? `/collections?${thing.kind}=${thing.id}` : `/collections/${made.id}`);
      },
      (form) => show(ctx, thing ?? thingOf(Thing.parse(form.values)), form),
    );
  });

  routes.post('/collections/:id/items', membersOnly, async (ctx) => {
    limits.take(ctx, ADD);
    const { on, back, ...named } = await readForm(ctx, ItemForm);
    const thing = thingOf(named);
    if (thing && on === '1') await collect(ctx.state.work, idParam(ctx), thing);
    else if (thing) await uncollect(ctx.state.work, idParam(ctx), thing);
    const url = `/collections/${idParam(ctx)}`;
    ctx.redirect(back ? `${url}/${back}` : thing ? `/collections?${thing.kind}=${thing.id}` : url);
  });

  const edit = async (ctx: Ctx & { params: Record<string, string | undefined> }, form?: FormState) => {
    const { work } = ctx.state;
    const { collection, isOwner } = await loadKeptCollection(work, idParam(ctx));
    const { name, description, visibility, adders, intake } = collection;
    const hasContest = (await work.em.count(Contest, { collection: collection.id })) > 0;
    editPage(ctx, {
      ...{ id: idParam(ctx), isOwner, hasContest },
      form: form ?? { ...EMPTY_FORM, values: { name, description, visibility, adders, intake } },
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
        if (await showWaiting(ctx, { kind: 'collection', id: idParam(ctx) })) return;
        ctx.redirect(`/collections/${idParam(ctx)}`);
      },
      (form) => edit(ctx, form),
    ),
  );

  routes.post('/collections/:id/removal', membersOnly, async (ctx) => {
    await deleteCollection(ctx.state.work, idParam(ctx));
    ctx.redirect('/collections');
  });

  arrangeRoutes(routes, deps);
  refusalRoutes(routes, deps);
  togetherRoutes(routes, deps);
}
