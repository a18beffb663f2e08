import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly } from '../../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, submitForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Limit } from '../../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { view } from '../../../kit/web/views.ts';
import { AppealForm, fileAppeal } from '../appeals/appeal.ts';
import { fileCounterNotice } from '../counter/counter.ts';
import { CounterForm } from '../counter/draft.ts';
import { threadRoutes } from '../files/routes.ts';
import { citeLicence } from '../licences/cite.ts';
import type { ClaimCase } from '../model/case.ts';
import { acceptOffer, declineOffer, makeOffer, OfferForm } from '../offers/offers.ts';
import { identityRoute, type PartyWay } from '../proof/identity-routes.ts';
import { refuseClaim } from '../threads/refuse.ts';
import { wishJoint } from '../threads/threads.ts';
import type { PartyPage } from './claimant-page.ts';
import { saidOf } from './claimant-routes.ts';
import { type CaseDeps, sealPage } from './deps.ts';
import { findOwnOpened, uploaderOnly } from './own-key.ts';
import { listOwnCases, loadOwnCase, loadUploaderPage, type OwnCases } from './uploader-page.ts';

const partyPage = view<PartyPage>('moderation/cases/party');
const listPage = view<OwnCases>('moderation/cases/own');

const ACT: Limit = { name: 'case-act', max: 60, perMs: 3_600_000 };
const OfferId = z.object({ offer: z.uuid() });
const nothing = z.object({});

/** `/cases` and `/cases/:number`: whoever published what a case is about, signed in, in a browser; see own-key.ts. */
export function uploaderRoutes(deps: CaseDeps): Router<State> {
  const { claims, limits } = deps;
  const routes = new Router<State>();

  const show = async (ctx: Ctx, kase: ClaimCase, form: FormState) => {
    sealPage(ctx);
    partyPage(ctx, await loadUploaderPage(ctx.state.work, claims, kase, form, saidOf(ctx)));
  };
  const own = async (ctx: Ctx) =>
    (ctx.state.work.viewer ? null : await findOwnOpened(ctx, deps)) ??
    loadOwnCase(ctx.state.work, String(ctx.params.number ?? ''));
  const uploader = uploaderOnly(deps);

  routes.get('/cases', browserOnly, async (ctx) => {
    sealPage(ctx);
    listPage(ctx, { ...(await listOwnCases(ctx.state.work)), page: { title: t('case.own-title'), noindex: true } });
  });

  routes.get('/cases/:number', uploader, async (ctx) => show(ctx, await own(ctx), EMPTY_FORM));

  const act = <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    run: (ctx: Ctx, kase: ClaimCase, form: z.output<Schema>) => Promise<string>,
  ) =>
    routes.post(`/cases/:number/${path}`, uploader, async (ctx) => {
      sealPage(ctx);
      limits.take(ctx, ACT);
      const kase = await own(ctx);
      await submitForm(
        ctx,
        schema,
        async (form) => ctx.redirect(`/cases/${kase.number}?said=${await run(ctx, kase, form)}`),
        (form) => show(ctx, kase, form),
      );
    });

  const way: PartyWay = {
    ...{ path: '/cases/:number', party: 'uploader', guard: uploader, limit: ACT, load: own, show },
    urlOf: ({ number }) => `/cases/${number}`,
  };
  threadRoutes(routes, deps, way);
  identityRoute(routes, deps, way);
  act('refusal', nothing, async (ctx, kase) => {
    await refuseClaim(ctx.state.work, kase.id);
    return 'refused';
  });
  act('joint', nothing, async (ctx, kase) => {
    await wishJoint(ctx.state.work, kase, 'uploader');
    return 'joint';
  });
  act('offers', OfferForm, async (ctx, kase, form) => {
    await makeOffer(ctx.state.work, claims, kase, 'uploader', form);
    return 'offer';
  });
  act('offers/acceptance', OfferId, async (ctx, kase, { offer }) => {
    await acceptOffer(ctx.state.work, claims, kase, 'uploader', offer);
    return 'accepted';
  });
  act('offers/refusal', OfferId, async (ctx, kase, { offer }) => {
    await declineOffer(ctx.state.work, kase, 'uploader', offer);
    return 'declined';
  });
  act('counter-notice', CounterForm, async (ctx, kase, form) => {
    const said = await fileCounterNotice(ctx.state.work, claims, kase.id, form);
    return said === 'counter-lacks' ? `${said}#counter-notice` : said;
  });
  act('licence', nothing, async (ctx, kase) => {
    await citeLicence(ctx.state.work, claims, kase.id);
    return 'licence-cited';
  });
  act('appeal', AppealForm, async (ctx, kase, form) => {
    await fileAppeal(ctx.state.work, kase.id, 'uploader', form);
    return 'appealed';
  });

  return routes;
}
