import type Router from '@koa/router';
import { z } from 'zod';
import { membersOnly } from '../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, readForm, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { type PageHead, view } from '../../kit/web/views.ts';
import { addressOf } from '../lists/address.ts';
import { SAVED_KINDS } from './model.ts';
import {
  labelsOf,
  listSearches,
  openSearch,
  plainQuery,
  readSaved,
  removeSearch,
  renewFeed,
  SavedForm,
  type SavedView,
  saveSearch,
  tellOfSearch,
} from './search.ts';

interface SearchesPage {
  readonly searches: readonly SavedView[];
  readonly said: string;
  readonly page: PageHead;
}

interface NewSearchPage {
  readonly kind: string;
  readonly query: string;
  readonly labels: readonly string[];
  readonly backUrl: string;
  readonly form: FormState;
  readonly page: PageHead;
}

const searchesPage = view<SearchesPage>('discovery/searches');
const newPage = view<NewSearchPage>('discovery/search-new');

const Kind = z.object({ kind: z.enum(SAVED_KINDS).catch('models') });
const Said = z.object({ said: z.enum(['saved', 'removed', 'forgotten', 'renewed']).optional().catch(undefined) });
const TellForm = z.object({ on: z.enum(['0', '1']) });

/** `/searches`: members, each their own. */
export function savedRoutes(routes: Router<State>): void {
  routes.get('/searches', membersOnly, async (ctx) => {
    const { said } = readQuery(ctx, Said);
    ctx.set('Cache-Control', 'no-store');
    searchesPage(ctx, {
      searches: await listSearches(ctx.state.work),
      said: said ? t(`saved.said-${said}`) : '',
      page: { title: t('saved.title'), noindex: true },
    });
  });

  const showNew = (ctx: Ctx, kind: (typeof SAVED_KINDS)[number], text: string, form: FormState = EMPTY_FORM) => {
    const saved = readSaved(kind, text);
    const query = plainQuery(saved);
    newPage(ctx, {
      ...{ kind, query, labels: labelsOf(saved), form },
      backUrl: query === '' ? `/${kind}` : `/${kind}?${query}`,
      page: { title: t('saved.save'), noindex: true },
    });
  };

  routes.get('/searches/new', membersOnly, (ctx) => {
    const { kind } = readQuery(ctx, Kind);
    showNew(ctx, kind, addressOf('', { ...ctx.query, kind: undefined }).slice(1));
  });

  routes.post('/searches', membersOnly, (ctx) =>
    submitForm(
      ctx,
      SavedForm,
      async (form) => {
        await saveSearch(ctx.state.work, form);
        ctx.redirect('/searches?said=saved');
      },
      (form) => showNew(ctx, Kind.parse(form.values).kind, String(form.values.query ?? '').slice(0, 4_000), form),
    ),
  );

  routes.get('/searches/:id', membersOnly, async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.redirect(await openSearch(ctx.state.work, uuidParam(ctx)));
  });

  routes.post('/searches/:id/removal', membersOnly, async (ctx) => {
    await removeSearch(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/searches?said=removed');
  });

  routes.post('/searches/:id/telling', membersOnly, async (ctx) => {
    const { on } = await readForm(ctx, TellForm);
    await tellOfSearch(ctx.state.work, uuidParam(ctx), on === '1');
    ctx.redirect('/searches');
  });

  routes.post('/searches/:id/feed', membersOnly, async (ctx) => {
    await renewFeed(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/searches?said=renewed');
  });
}
