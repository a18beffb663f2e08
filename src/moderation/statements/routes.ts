import Router from '@koa/router';
import { browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { AppealForm, appealDecision } from './appeal.ts';
import { listStatements, type StatementList, StatementQuery } from './list.ts';
import { loadOwnDecision, type Statement, statementOf } from './statement.ts';

const listPage = view<StatementList>('moderation/decisions');
const onePage = view<FormState & { readonly statement: Statement }>('moderation/decision');

/** `/decisions`: what moderators decided about something of the viewer's, for them alone. */
export function statementRoutes(): Router<State> {
  const routes = new Router<State>();

  routes.get('/decisions', browserOnly, async (ctx) => {
    ctx.set('Cache-Control', 'private, no-store');
    const list = await listStatements(ctx.state.work, viewerIn(ctx), readQuery(ctx, StatementQuery));
    listPage(ctx, { ...list, page: { title: t('statement.title'), noindex: true } });
  });

  const show = async (ctx: Ctx & { params: Record<string, string | undefined> }, form: FormState = EMPTY_FORM) => {
    ctx.set('Cache-Control', 'private, no-store');
    const { em, now } = ctx.state.work;
    const decision = await loadOwnDecision(em, viewerIn(ctx), uuidParam(ctx));
    const statement = await statementOf(em, decision, now());
    onePage(ctx, { ...form, statement, page: { title: t('statement.one-title'), noindex: true } });
  };

  routes.get('/decisions/:id', browserOnly, (ctx) => show(ctx));

  routes.post('/decisions/:id/appeal', browserOnly, (ctx) =>
    submitForm(
      ctx,
      AppealForm,
      async (form) => {
        await appealDecision(ctx.state.work, uuidParam(ctx), form);
        ctx.redirect(`/decisions/${uuidParam(ctx)}`);
      },
      (form) => show(ctx, form),
    ),
  );

  return routes;
}
