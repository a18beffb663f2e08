import Router from '@koa/router';
import { z } from 'zod';
import { anyone, browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { handle } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { DecisionForm } from '../../economy/licences/grant.ts';
import { LICENCE_USES } from '../../economy/licences/model.ts';
import { usesOf } from '../../economy/licences/view.ts';
import { creditSettings } from '../../economy/settings.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { EMPTY_FORM, type FormState, readQuery, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { ModerationDeps } from '../deps.ts';
import { askForRights, isOpenOffer, loadRightsOffer, RightsAskForm } from './ask.ts';
import { decideRights, NameForm, nameLicensed, RightsRevocationForm, revokeRights, withdrawRights } from './decide.ts';
import { type Holding, listHoldings, loadHolding } from './holdings.ts';
import { closeRightsOffer, createRightsOffer, RightsOfferForm } from './offer.ts';
import {
  findRightsGrant,
  listLicensable,
  listOffersOfCase,
  listRightsGrants,
  listRightsOffers,
  type RightsGrantView,
  type RightsOfferView,
} from './view.ts';

interface Option {
  readonly value: string;
  readonly label: string;
  readonly hint?: string;
}

interface OverviewPage {
  readonly holdings: readonly Holding[];
  readonly held: readonly RightsGrantView[];
  readonly given: readonly RightsGrantView[];
}
const overviewPage = view<OverviewPage>('moderation/rights/overview');

const listPage = view<{ readonly offers: readonly RightsOfferView[]; readonly moreUrl: string }>(
  'moderation/rights/offers',
);

interface HoldingPage {
  readonly holding: Holding;
  readonly offers: readonly RightsOfferView[];
  readonly useOptions: readonly Option[];
  readonly mostPrice: number;
  readonly form: FormState;
}
const holdingPage = view<HoldingPage>('moderation/rights/holding');

interface OfferPage {
  readonly offer: RightsOfferView;
  readonly isMine: boolean;
  readonly isClosed: boolean;
  readonly models: readonly Option[];
  readonly key: string;
  readonly form: FormState;
}
const offerPage = view<OfferPage>('moderation/rights/offer');

interface GrantPage {
  readonly grant: RightsGrantView;
  readonly isOwner: boolean;
  readonly isLicensee: boolean;
  readonly models: readonly Option[];
  readonly form: FormState;
}
const grantPage = view<GrantPage>('moderation/rights/licence');

export const RIGHTS: Limit = { name: 'rights', max: 60, perMs: 3_600_000 };
const Before = z.object({ before: z.string().max(60).catch('') });
const About = z.object({ model: z.string().max(12).catch('') });

type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** Terms that rights holders offer for what is theirs, who asks for them, and who was granted them. */
export function rightsRoutes({ settings, limits }: Pick<ModerationDeps, 'settings' | 'limits'>): Router<State> {
  const routes = new Router<State>();

  routes.get('/rights', browserOnly, async (ctx) => {
    const { em, now } = ctx.state.work;
    const { id } = viewerIn(ctx);
    const grants = await listRightsGrants(em, id, now());
    const page = { title: t('rights.title'), noindex: true };
    overviewPage(ctx, { holdings: await listHoldings(em, id), ...grants, page });
  });

  routes.get('/rights/offers', anyone, async (ctx) => {
    const { before = '' } = readQuery(ctx, Before);
    const { items, nextBefore } = await listRightsOffers(ctx.state.work.em, before);
    const moreUrl = nextBefore ? `/rights/offers?before=${nextBefore}` : '';
    listPage(ctx, { offers: items, moreUrl, page: { title: t('rights.offers') } });
  });

  async function showHolding(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { work } = ctx.state;
    const holding = await loadHolding(work, String(ctx.params.number ?? ''));
    holdingPage(ctx, {
      ...{ holding, offers: await listOffersOfCase(work.em, holding.caseId), form },
      useOptions: LICENCE_USES.map((value) => ({
        ...{ value, label: t(`licence.use-${value}`), hint: t(`rights.use-${value}-hint`) },
      })),
      mostPrice: (await settings.read(work.em, creditSettings)).licenceMostPrice,
      page: { title: t('rights.holding'), noindex: true },
    });
  }

  routes.get('/rights/claims/:number', browserOnly, (ctx) => showHolding(ctx));
  routes.post('/rights/claims/:number', browserOnly, (ctx) => {
    limits.take(ctx, RIGHTS);
    return submitForm(
      ctx,
      RightsOfferForm,
      async (form) => {
        const number = String(ctx.params.number ?? '');
        await createRightsOffer(ctx.state.work, settings, viewerIn(ctx), number, form);
        ctx.redirect(`/rights/claims/${number}`);
      },
      (form) => showHolding(ctx, form),
    );
  });
  routes.post('/rights/offers/:id/removal', browserOnly, async (ctx) => {
    const number = await closeRightsOffer(ctx.state.work, viewerIn(ctx), uuidParam(ctx));
    ctx.redirect(number ? `/rights/claims/${number}` : '/rights');
  });

  async function showOffer(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { work } = ctx.state;
    const { em, viewer } = work;
    const offer = await loadRightsOffer(work, uuidParam(ctx));
    const { id, covers, title, text, forbids, revocation, noticeDays, priceCredits = null, days = null } = offer;
    const { model = '' } = readQuery(ctx, About);
    offerPage(ctx, {
      offer: {
        ...{ id, covers, title, uses: usesOf(offer.uses), text, forbids, revocation, noticeDays, priceCredits, days },
        ...{ owner: handle(offer.owner.$), url: `/rights/offers/${id}` },
      },
      ...{ isMine: offer.owner.id === viewer?.id, isClosed: !(await isOpenOffer(em, offer)) },
      models: viewer ? [{ value: '', label: t('rights.planned') }, ...(await listLicensable(em, viewer.id))] : [],
      form: { ...form, values: { modelId: model, ...form.values } },
      key: typeof form.values.key === 'string' ? form.values.key : newId(),
      page: { title: t('licence.offer'), noindex: true },
    });
  }

  routes.get('/rights/offers/:id', anyone, (ctx) => showOffer(ctx));
  routes.post('/rights/offers/:id/grants', browserOnly, (ctx) => {
    limits.take(ctx, RIGHTS);
    return submitForm(
      ctx,
      RightsAskForm,
      async (form) => {
        const id = await askForRights(ctx.state.work, settings, viewerIn(ctx), uuidParam(ctx), form);
        ctx.redirect(`/rights/licences/${id}`);
      },
      (form) => showOffer(ctx, form),
    );
  });

  /** For the two parties and staff: it names what was withheld too, and shows nothing of it. */
  async function showGrant(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { em, now } = ctx.state.work;
    const viewer = viewerIn(ctx);
    const grant = await findRightsGrant(em, uuidParam(ctx), now());
    const [isOwner, isLicensee] = [grant?.ownerId === viewer.id, grant?.licenseeId === viewer.id];
    const isStaff = can(viewer, 'moderateContent') || can(viewer, 'decideRights');
    if (!grant || !(isOwner || isLicensee || isStaff)) throw new AppError('not_found', t('licence.no-grant'));
    const asksFor = isLicensee && grant.modelId === null && ['asked', 'granted'].includes(grant.state);
    const models = asksFor ? await listLicensable(em, viewer.id) : [];
    grantPage(ctx, {
      grant,
      isOwner,
      isLicensee,
      models,
      form,
      page: { title: t('licence.certificate'), noindex: true },
    });
  }

  routes.get('/rights/licences/:id', browserOnly, (ctx) => showGrant(ctx));
  const act = <Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    run: (ctx: Ctx, id: string, form: z.output<Schema>) => Promise<void>,
  ) =>
    routes.post(`/rights/licences/:id/${path}`, browserOnly, (ctx) => {
      limits.take(ctx, RIGHTS);
      const id = uuidParam(ctx);
      return submitForm(
        ctx,
        schema,
        async (form) => {
          await run(ctx, id, form);
          ctx.redirect(`/rights/licences/${id}`);
        },
        (form) => showGrant(ctx, form),
      );
    });
  act('decision', DecisionForm, (ctx, id, form) => decideRights(ctx.state.work, viewerIn(ctx), id, form));
  act('withdrawal', z.object({}), (ctx, id) => withdrawRights(ctx.state.work, viewerIn(ctx), id));
  act('revocation', RightsRevocationForm, (ctx, id, form) => revokeRights(ctx.state.work, viewerIn(ctx), id, form));
  act('model', NameForm, (ctx, id, form) => nameLicensed(ctx.state.work, viewerIn(ctx), id, form));

  return routes;
}
