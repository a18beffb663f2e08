import type Router from '@koa/router';
import { anyone, browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { handle } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { EMPTY_FORM, type FormState, idParam, submitForm, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { EconomyDeps } from '../deps.ts';
import { creditSettings } from '../settings.ts';
import {
  AskForm,
  askForLicence,
  DecisionForm,
  decideLicence,
  loadOffer,
  RevocationForm,
  revokeLicence,
  withdrawAsking,
} from './grant.ts';
import { LICENCE_USES } from './model.ts';
import { closeOffer, createOffer, loadLicensable, OfferForm } from './offer.ts';
import { listSales, type Sale } from './selling.ts';
import { findGrant, type GrantView, listGrants, listOffers, type OfferView, usesOf } from './view.ts';

interface OffersPage {
  readonly modelId: number;
  readonly title: string;
  readonly offers: readonly OfferView[];
  readonly useOptions: readonly { readonly value: string; readonly label: string; readonly hint: string }[];
  readonly mostPrice: number;
  readonly form: FormState;
}
const offersPage = view<OffersPage>('economy/licence-offers');

interface OfferPage {
  readonly offer: OfferView;
  readonly modelId: number;
  readonly modelName: string;
  readonly owner: string;
  readonly isMine: boolean;
  readonly isClosed: boolean;
  readonly key: string;
  readonly form: FormState;
}
const offerPage = view<OfferPage>('economy/licence-offer');

const licencesPage = view<{ readonly held: readonly GrantView[]; readonly given: readonly GrantView[] }>(
  'economy/licences',
);

interface GrantPage {
  readonly grant: GrantView;
  readonly isOwner: boolean;
  readonly isHolder: boolean;
  /** Of the holder, by a licence for resale. */
  readonly sales: readonly Sale[];
  readonly nodeUrl: string;
  readonly form: FormState;
}
const grantPage = view<GrantPage>('economy/licence');

export const ASK: Limit = { name: 'licence', max: 40, perMs: 3_600_000 };
type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** Terms that somebody offers for their models, who asks for them, and who was granted them. */
export function licenceRoutes(routes: Router<State>, { settings, limits, publicUrl }: EconomyDeps): void {
  async function showOffers(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { em } = ctx.state.work;
    const model = await loadLicensable(ctx.state.work, idParam(ctx));
    offersPage(ctx, {
      ...{ modelId: model.id, title: model.name, offers: await listOffers(em, model.id), form },
      useOptions: LICENCE_USES.map((value) => ({
        value,
        label: t(`licence.use-${value}`),
        hint: t(`licence.use-${value}-hint`),
      })),
      mostPrice: (await settings.read(em, creditSettings)).licenceMostPrice,
      page: { title: t('licence.offers'), noindex: true },
    });
  }

  routes.get('/licence-offers/model/:id', browserOnly, (ctx) => showOffers(ctx));
  routes.post('/licence-offers/model/:id', browserOnly, (ctx) => {
    limits.take(ctx, ASK);
    return submitForm(
      ctx,
      OfferForm,
      async (form) => {
        await createOffer(ctx.state.work, settings, idParam(ctx), form);
        ctx.redirect(`/licence-offers/model/${idParam(ctx)}`);
      },
      (form) => showOffers(ctx, form),
    );
  });
  routes.post('/licence-offers/:id/removal', browserOnly, async (ctx) => {
    const offer = await closeOffer(ctx.state.work, uuidParam(ctx));
    ctx.redirect(`/licence-offers/model/${offer.model.id}`);
  });

  async function showOffer(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { work } = ctx.state;
    const offer = await loadOffer(work, uuidParam(ctx));
    const { id, title, text, forbids, revocation, priceCredits = null, days = null } = offer;
    offerPage(ctx, {
      offer: {
        id,
        title,
        uses: usesOf(offer.uses),
        text,
        forbids,
        revocation,
        priceCredits,
        days,
        url: `/licence-offers/${id}`,
      },
      ...{ modelId: offer.model.id, modelName: offer.model.$.name, owner: handle(offer.owner.$) },
      ...{ isMine: offer.owner.id === work.viewer?.id, isClosed: offer.closedAt != null, form },
      key: typeof form.values.key === 'string' ? form.values.key : newId(),
      page: { title: t('licence.offer'), noindex: true },
    });
  }

  routes.get('/licence-offers/:id', anyone, (ctx) => showOffer(ctx));
  routes.post('/licence-offers/:id/grants', browserOnly, (ctx) => {
    limits.take(ctx, ASK);
    return submitForm(
      ctx,
      AskForm,
      async (form) => {
        const id = await askForLicence(ctx.state.work, settings, viewerIn(ctx), uuidParam(ctx), form);
        ctx.redirect(`/licences/${id}`);
      },
      (form) => showOffer(ctx, form),
    );
  });

  routes.get('/licences', browserOnly, async (ctx) => {
    const { em, now } = ctx.state.work;
    const lists = await listGrants(em, viewerIn(ctx).id, now());
    licencesPage(ctx, { ...lists, page: { title: t('licence.title'), noindex: true } });
  });

  /** For the two parties and staff: a certificate names what was withheld too, and shows nothing of it. */
  async function showGrant(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { em, now } = ctx.state.work;
    const viewer = viewerIn(ctx);
    const grant = await findGrant(em, uuidParam(ctx), now());
    const isOwner = grant?.ownerId === viewer.id;
    const isHolder = grant?.holderId === viewer.id;
    if (!grant || !(isOwner || isHolder || can(viewer, 'moderateContent'))) {
      throw new AppError('not_found', t('licence.no-grant'));
    }
    const page = { title: t('licence.certificate'), noindex: true };
    const sales = grant.isForResale ? await listSales(em, grant.holderId, grant.modelId) : [];
    grantPage(ctx, { grant, sales, isOwner, isHolder, nodeUrl: publicUrl.origin, form, page });
  }

  routes.get('/licences/:id', browserOnly, (ctx) => showGrant(ctx));
  routes.post('/licences/:id/decision', browserOnly, (ctx) =>
    submitForm(
      ctx,
      DecisionForm,
      async (form) => {
        await decideLicence(ctx.state.work, viewerIn(ctx), uuidParam(ctx), form);
        ctx.redirect(`/licences/${uuidParam(ctx)}`);
      },
      (form) => showGrant(ctx, form),
    ),
  );
  routes.post('/licences/:id/withdrawal', browserOnly, async (ctx) => {
    await withdrawAsking(ctx.state.work, viewerIn(ctx), uuidParam(ctx));
    ctx.redirect('/licences');
  });
  routes.post('/licences/:id/revocation', browserOnly, (ctx) =>
    submitForm(
      ctx,
      RevocationForm,
      async (form) => {
        await revokeLicence(ctx.state.work, viewerIn(ctx), uuidParam(ctx), form);
        ctx.redirect(`/licences/${uuidParam(ctx)}`);
      },
      (form) => showGrant(ctx, form),
    ),
  );
}
