import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../../accounts/access/guard.ts';
import { AppError } from '../../../kit/errors.ts';
import { EMPTY_FORM, type FormState, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { view } from '../../../kit/web/views.ts';
import { OverturnForm, overturnDecision, upholdDecision } from '../appeals/appeal.ts';
import { HoldForm, holdDown, restoreByCounter } from '../counter/counter.ts';
import { requireDecider } from '../decide/bars.ts';
import {
  AskForm,
  askClaimant,
  DecideForm,
  decideCase,
  leadOn,
  ReasonFields,
  RejectForm,
  rejectCase,
} from '../decide/decide.ts';
import { lookAtClaimant } from '../decide/look.ts';
import { MergeForm, mergeByHand, PointForm, pointCase } from '../decide/point.ts';
import { undoSource } from '../decide/undo-source.ts';
import { threadRoutes } from '../files/routes.ts';
import { RefusalForm, refuseLicence, releaseByLicence } from '../licences/cite.ts';
import { makeOffer, OfferForm, vetoOffer } from '../offers/offers.ts';
import { noteIdentity, openIdentity } from '../proof/identity.ts';
import { markMisuse } from '../strikes/misuse.ts';
import { say } from '../threads/threads.ts';
import { vouchForClaimant } from '../verify/verify.ts';
import { saidOf } from './claimant-routes.ts';
import { type CaseDeps, sealPage } from './deps.ts';
import { loadModeratorPage, type ModeratorPage, type Opened } from './moderator-page.ts';

const casePage = view<ModeratorPage>('moderation/cases/case');
const nothing = z.object({});
const WhyForm = z.object({ reason: z.string().trim().min(1, t('case.error-text')).max(1_000) });
const VetoForm = WhyForm.extend({ offer: z.uuid() });

const side = z.enum(['claimant', 'uploader']);
const NoteForm = z.object({ party: side, outcome: z.enum(['shown', 'not-shown']) });

function sideOf(party: string | undefined): z.output<typeof side> {
  const known = side.safeParse(party);
  if (!known.success) throw new AppError('not_found', 'There is nothing at this address.');
  return known.data;
}

/** `/moderation/cases/:id`: staff who may decide the type of the case and are no party to it, which the services ask. */
export function moderatorRoutes(deps: CaseDeps): Router<State> {
  const { claims } = deps;
  const routes = new Router<State>();
  const staff = staffOnly('decideSevere', 'decideRights', 'moderateContent');

  const show = async (ctx: Ctx, caseId: string, form: FormState, opened: Opened = {}) => {
    sealPage(ctx);
    casePage(ctx, await loadModeratorPage(ctx.state.work, claims, caseId, form, saidOf(ctx), opened));
  };

  routes.get('/moderation/cases/:id', staff, (ctx) => show(ctx, uuidParam(ctx), EMPTY_FORM));

  // shown in the answer alone, so that a page that is opened again does not look again
  routes.post('/moderation/cases/:id/claimant', staff, async (ctx) => {
    const caseId = uuidParam(ctx);
    await show(ctx, caseId, EMPTY_FORM, { claimant: await lookAtClaimant(ctx.state.work, claims, caseId) });
  });

  const act = <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    run: (ctx: Ctx, caseId: string, form: z.output<Schema>) => Promise<string>,
  ) =>
    routes.post(`/moderation/cases/:id/${path}`, staff, async (ctx) => {
      sealPage(ctx);
      const caseId = uuidParam(ctx);
      await submitForm(
        ctx,
        schema,
        async (form) => ctx.redirect(`/moderation/cases/${caseId}?said=${await run(ctx, caseId, form)}`),
        (form) => show(ctx, caseId, form),
      );
    });

  act('decision', DecideForm, (ctx, id, form) => decideCase(ctx.state.work, id, form));
  act('rejection', RejectForm, (ctx, id, form) => rejectCase(ctx.state.work, claims, id, form));
  act('question', AskForm, async (ctx, id, { text }) => {
    await askClaimant(ctx.state.work, claims, id);
    const kase = await requireDecider(ctx.state.work, id, 'case.ask');
    await say(ctx.state.work, claims, kase, 'moderator', { thread: 'claimant', text });
    return 'asked';
  });
  act('notice', nothing, async (ctx, id) => {
    await leadOn(ctx.state.work, claims, id, 'notify');
    return 'notified';
  });
  act('escalation', nothing, async (ctx, id) => {
    await leadOn(ctx.state.work, claims, id, 'escalate');
    return 'escalated';
  });
  act('verification', nothing, async (ctx, id) => {
    await vouchForClaimant(ctx.state.work, claims, id);
    return 'vouched';
  });
  act('target', PointForm, async (ctx, id, form) => {
    await pointCase(ctx.state.work, claims, id, form);
    return 'pointed';
  });
  act('merge', MergeForm, async (ctx, id, form) => {
    await mergeByHand(ctx.state.work, id, form);
    return 'merged';
  });
  threadRoutes(routes, deps, {
    ...{ path: '/moderation/cases/:id', party: 'moderator', guard: staff },
    load: (ctx) => requireDecider(ctx.state.work, uuidParam(ctx), 'case.say'),
    urlOf: ({ id }) => `/moderation/cases/${id}`,
    show: (ctx, { id }, form) => show(ctx, id, form),
  });
  // as above: a page that is opened again shows it no more
  routes.post('/moderation/cases/:id/identity/:party', staff, async (ctx) => {
    const [caseId, party] = [uuidParam(ctx), sideOf(ctx.params.party)];
    await show(ctx, caseId, EMPTY_FORM, { identity: await openIdentity(ctx.state.work, claims, caseId, party) });
  });
  act('identity-note', NoteForm, async (ctx, id, { party, outcome }) => {
    await noteIdentity(ctx.state.work, id, party, outcome);
    return 'identity-noted';
  });
  act('offers', OfferForm, async (ctx, id, form) => {
    const kase = await requireDecider(ctx.state.work, id, 'case.offer');
    await makeOffer(ctx.state.work, claims, kase, 'moderator', form);
    return 'offer';
  });
  act('offers/veto', VetoForm, async (ctx, id, { offer, reason }) => {
    await vetoOffer(ctx.state.work, id, offer, reason);
    return 'vetoed';
  });
  act('source-undo', nothing, async (ctx, id) => {
    await undoSource(ctx.state.work, id);
    return 'undone';
  });
  act('misuse', WhyForm, async (ctx, id, { reason }) => {
    await markMisuse(ctx.state.work, claims, id, reason);
    return 'misuse';
  });
  act('hold', HoldForm, async (ctx, id, form) => {
    await holdDown(ctx.state.work, id, form);
    return 'held';
  });
  act('licence', nothing, async (ctx, id) => {
    await releaseByLicence(ctx.state.work, claims, id);
    return 'released';
  });
  act('licence-refusal', RefusalForm, async (ctx, id, form) => {
    await refuseLicence(ctx.state.work, claims, id, form);
    return 'licence-refused';
  });
  act('restoration', nothing, async (ctx, id) => {
    await restoreByCounter(ctx.state.work, claims, id);
    return 'restored';
  });
  act('appeal/upholding', ReasonFields, async (ctx, id, form) => {
    await upholdDecision(ctx.state.work, claims, id, form);
    return 'upheld';
  });
  act('appeal/overturning', OverturnForm, (ctx, id, form) => overturnDecision(ctx.state.work, id, form));

  return routes;
}
