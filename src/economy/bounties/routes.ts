import type Router from '@koa/router';
import { anyone, browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { BaseModel } from '../../catalogue/model.ts';
import { keptPictures, submitTalk } from '../../gallery/talk-pictures/form.ts';
import { type PicturesField, picturesField } from '../../gallery/talk-pictures/shown.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { EMPTY_FORM, type FormState, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { openPurse } from '../allowance.ts';
import type { EconomyDeps } from '../deps.ts';
import { awardEntry } from './award.ts';
import { cancelBounty, cancelByStaff } from './end.ts';
import { editEntry, enterBounty, loadOwnEntry, withdrawEntry } from './enter.ts';
import { loadEntryFile } from './file.ts';
import { BountyEditForm, BountyForm, EntryForm, MOST_DAYS, PledgeForm } from './form.ts';
import { addToPot } from './give.ts';
import { type BountyLine, ListQuery, listBounties } from './list.ts';
import { BOUNTY_KINDS, BOUNTY_MODES } from './model.ts';
import { editBounty, loadRules, openBounty } from './open.ts';
import { loadOwnBounty } from './own.ts';
import { type BountyView, loadBountyPage } from './page.ts';

interface Option {
  readonly value: string;
  readonly label: string;
}

interface ListPage {
  readonly items: readonly BountyLine[];
  readonly tabs: readonly { readonly label: string; readonly href: string; readonly current: boolean }[];
  readonly kind: string;
  readonly show: string;
  readonly moreUrl: string;
  readonly kinds: readonly Option[];
}
const listPage = view<ListPage>('economy/bounties');

interface BountyPage extends BountyView {
  readonly key: string;
  /** Null where credits are off, and for visitors. */
  readonly balance: number | null;
  /** Of the form that puts in. */
  readonly form: FormState;
  readonly signInUrl: string;
}
const bountyPage = view<BountyPage>('economy/bounty');

interface FormPage {
  /** Null for a new one. */
  readonly bountyId: string | null;
  readonly key: string;
  readonly bases: readonly string[];
  readonly kinds: readonly Option[];
  readonly modes: readonly Option[];
  readonly least: number;
  readonly most: number;
  readonly balance: number;
  readonly mostDays: number;
  readonly values: Readonly<Record<string, unknown>>;
  readonly form: FormState;
  readonly pictures: PicturesField;
}
const formPage = view<FormPage>('economy/bounty-form');

interface EntryPage {
  readonly bountyId: string;
  readonly title: string;
  readonly action: string;
  readonly key: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly form: FormState;
}
const entryPage = view<EntryPage>('economy/bounty-entry');

const kindOptions = () => BOUNTY_KINDS.map((value) => ({ value, label: t(`bounty.kind-${value}`) }));
const modeOptions = () =>
  BOUNTY_MODES.map((value) => ({ value, label: t(`bounty.mode-${value}`), hint: t(`bounty.mode-${value}-hint`) }));

export const WRITE: Limit = { name: 'bounty', max: 30, perMs: 3_600_000 };
type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** `/bounties`: requests to everybody, with a pot. Reading is for anyone, the rest for members in a browser. */
export function bountyRoutes(routes: Router<State>, deps: EconomyDeps): void {
  const { settings, limits, isLookedInto } = deps;

  routes.get('/bounties', anyone, async (ctx) => {
    await loadRules(ctx.state.work, settings);
    const query = readQuery(ctx, ListQuery);
    const { items, nextBefore } = await listBounties(ctx.state.work, query);
    const href = (show: string) => `/bounties?show=${show}${query.kind ? `&kind=${query.kind}` : ''}`;
    listPage(ctx, {
      ...{ items, kind: query.kind, show: query.show, kinds: kindOptions() },
      tabs: (['open', 'over'] as const).map((show) => ({
        ...{ label: t(`bounty.show-${show}`), href: href(show), current: show === query.show },
      })),
      moreUrl: nextBefore ? `${href(query.show)}&before=${nextBefore}` : '',
      page: {
        ...{ title: t('bounty.title'), canonical: '/bounties' },
        feeds: [{ title: t('bounty.title'), href: '/feeds/bounties.atom' }],
      },
    });
  });

  routes.get('/bounties/new', browserOnly, (ctx) => showForm(ctx, null, {}, EMPTY_FORM, picturesField('bounty')));
  routes.post('/bounties', browserOnly, (ctx) => {
    limits.take(ctx, WRITE);
    return submitTalk(
      ctx,
      deps,
      { kind: 'bounty', schema: BountyForm },
      async (form, pictures) => ctx.redirect(`/bounties/${await openBounty(ctx.state.work, deps, form, pictures)}`),
      (form, pictures) => showForm(ctx, null, {}, form, pictures),
    );
  });

  async function showForm(
    ctx: Ctx,
    bountyId: string | null,
    values: FormPage['values'],
    form: FormState,
    pictures: PicturesField,
  ): Promise<void> {
    const { em, now } = ctx.state.work;
    const rules = await loadRules({ em }, settings);
    const { balance } = await openPurse(em, viewerIn(ctx).id, rules, now());
    const bases = await em.find(
      BaseModel,
      { isHidden: false },
      { orderBy: { position: 1, name: 1 }, fields: ['name'] },
    );
    formPage(ctx, {
      ...{
        bountyId,
        balance,
        values,
        form,
        pictures,
        least: rules.bountyLeast,
        most: rules.bountyMost,
        mostDays: MOST_DAYS,
      },
      key: typeof form.values.key === 'string' ? form.values.key : newId(),
      bases: bases.map(({ name }) => name),
      ...{ kinds: kindOptions(), modes: modeOptions() },
      page: { title: t(bountyId === null ? 'bounty.new' : 'bounty.edit'), noindex: true },
    });
  }

  const showEdit = async (ctx: ParamCtx, form: FormState = EMPTY_FORM, refused?: PicturesField) => {
    const { work } = ctx.state;
    const bounty = await loadOwnBounty(work, uuidParam(ctx));
    const { tags, references } = await loadBountyPage(work, isLookedInto, bounty.id);
    await showForm(
      ctx,
      bounty.id,
      {
        ...{ title: bounty.title, text: bounty.text, tags: tags.join(', '), subject: 'fictional' },
        references: references.map(({ id }) => `/images/${id}`).join('\n'),
        deadline: bounty.deadlineAt.toISOString().slice(0, 10),
      },
      form,
      refused ?? (await keptPictures(work, { kind: 'bounty', id: bounty.id })),
    );
  };
  routes.get('/bounties/:id/edit', browserOnly, (ctx) => showEdit(ctx));
  routes.post('/bounties/:id/edit', browserOnly, (ctx) => {
    limits.take(ctx, WRITE);
    return submitTalk(
      ctx,
      deps,
      { kind: 'bounty', schema: BountyEditForm },
      async (form, pictures) => {
        await editBounty(ctx.state.work, deps, uuidParam(ctx), form, pictures);
        ctx.redirect(`/bounties/${uuidParam(ctx)}`);
      },
      (form, pictures) => showEdit(ctx, form, pictures),
    );
  });

  async function show(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { em, viewer, now } = ctx.state.work;
    const rules = await loadRules({ em }, settings);
    const bounty = await loadBountyPage(ctx.state.work, isLookedInto, uuidParam(ctx));
    bountyPage(ctx, {
      ...bounty,
      key: typeof form.values.key === 'string' ? form.values.key : newId(),
      balance: viewer ? (await openPurse(em, viewer.id, rules, now())).balance : null,
      form,
      signInUrl: `/sign-in?next=/bounties/${bounty.id}`,
      page: {
        title: bounty.title,
        canonical: `/bounties/${bounty.id}`,
        ...(bounty.isWaiting ? { noindex: true } : {}),
      },
    });
  }
  routes.get('/bounties/:id', anyone, (ctx) => show(ctx));

  routes.post('/bounties/:id/credits', browserOnly, (ctx) => {
    limits.take(ctx, WRITE);
    return submitForm(
      ctx,
      PledgeForm,
      async (form) => {
        await addToPot(ctx.state.work, settings, viewerIn(ctx), uuidParam(ctx), form);
        ctx.redirect(`/bounties/${uuidParam(ctx)}#pot`);
      },
      (form) => show(ctx, form),
    );
  });
  routes.post('/bounties/:id/cancellation', browserOnly, async (ctx) => {
    await cancelBounty(ctx.state.work, isLookedInto, uuidParam(ctx));
    ctx.redirect(`/bounties/${uuidParam(ctx)}`);
  });
  routes.post('/bounties/:id/refund', browserOnly, async (ctx) => {
    await cancelByStaff(ctx.state.work, isLookedInto, uuidParam(ctx));
    ctx.redirect(`/bounties/${uuidParam(ctx)}`);
  });

  entryRoutes(routes, deps);
}

function entryRoutes(routes: Router<State>, deps: EconomyDeps): void {
  const { limits, isLookedInto } = deps;
  const entryIn = (ctx: ParamCtx) => uuidParam(ctx, 'entryId');

  async function showForm(ctx: ParamCtx, entryId: string | null, form: FormState = EMPTY_FORM): Promise<void> {
    const { work } = ctx.state;
    const bounty = await loadBountyPage(work, isLookedInto, uuidParam(ctx));
    const entry = entryId === null ? null : await loadOwnEntry(work, entryId);
    if (entryId === null && !bounty.mayEnter)
      throw new AppError('conflict', t(bounty.isMine ? 'bounty.own-entry' : 'bounty.over'));
    const base = `/bounties/${bounty.id}/entries`;
    entryPage(ctx, {
      ...{ bountyId: bounty.id, title: bounty.title, form },
      action: entryId === null ? base : `${base}/${entryId}/edit`,
      key: typeof form.values.key === 'string' ? form.values.key : (entryId ?? newId()),
      values: entry
        ? {
            text: entry.text,
            model: entry.version ? `/versions/${entry.version.id}/edit` : '',
            post: entry.post ? `/posts/${entry.post.id}` : '',
          }
        : {},
      page: { title: t(entryId === null ? 'bounty.enter' : 'bounty.edit-entry'), noindex: true },
    });
  }

  routes.get('/bounties/:id/entries/new', browserOnly, (ctx) => showForm(ctx, null));
  routes.post('/bounties/:id/entries', browserOnly, (ctx) => {
    limits.take(ctx, WRITE);
    return submitForm(
      ctx,
      EntryForm,
      async (form) => {
        const id = await enterBounty(ctx.state.work, deps, uuidParam(ctx), form);
        ctx.redirect(`/bounties/${uuidParam(ctx)}#entry-${id}`);
      },
      (form) => showForm(ctx, null, form),
    );
  });
  routes.get('/bounties/:id/entries/:entryId/edit', browserOnly, (ctx) => showForm(ctx, entryIn(ctx)));
  routes.post('/bounties/:id/entries/:entryId/edit', browserOnly, (ctx) => {
    limits.take(ctx, WRITE);
    return submitForm(
      ctx,
      EntryForm,
      async (form) => {
        const bountyId = await editEntry(ctx.state.work, deps, entryIn(ctx), form);
        ctx.redirect(`/bounties/${bountyId}#entry-${entryIn(ctx)}`);
      },
      (form) => showForm(ctx, entryIn(ctx), form),
    );
  });
  routes.post('/bounties/:id/entries/:entryId/removal', browserOnly, async (ctx) => {
    ctx.redirect(`/bounties/${await withdrawEntry(ctx.state.work, entryIn(ctx))}`);
  });
  routes.post('/bounties/:id/entries/:entryId/award', browserOnly, async (ctx) => {
    const bountyId = await awardEntry(ctx.state.work, deps, entryIn(ctx));
    ctx.redirect(`/bounties/${bountyId}#entry-${entryIn(ctx)}`);
  });

  routes.get('/bounties/:id/entries/:entryId/file', anyone, async (ctx) => {
    const file = await loadEntryFile(ctx.state.work, uuidParam(ctx), entryIn(ctx));
    await sendBytes(ctx, {
      ...{ files: ctx.state.work.files, sha256: file.sha256, totalBytes: file.totalBytes, fileName: file.name },
      ...{ contentType: 'application/octet-stream', disposition: 'attachment' as const, lastModified: file.createdAt },
      cacheControl: 'private, no-store',
    });
  });
}
