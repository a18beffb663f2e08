import Router from '@koa/router';
import { z } from 'zod';
import { anyone } from '../../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, readForm, submitForm } from '../../../kit/web/forms.ts';
import { hasMessage, t } from '../../../kit/web/messages.ts';
import type { Limit } from '../../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { view } from '../../../kit/web/views.ts';
import { AppealForm, fileAppeal } from '../appeals/appeal.ts';
import { CourtForm, showCourtAction } from '../counter/counter.ts';
import { threadRoutes } from '../files/routes.ts';
import { missingFormOf } from '../intake/form.ts';
import { adoptClaim } from '../licences/adopt.ts';
import type { ClaimCase } from '../model/case.ts';
import { acceptOffer, declineOffer, makeOffer, OfferForm } from '../offers/offers.ts';
import { ArtistForm, askArtist } from '../proof/artist.ts';
import { identityRoute, type PartyWay } from '../proof/identity-routes.ts';
import { ProofForm, prove } from '../proof/prove.ts';
import { answerQuestions } from '../threads/answer.ts';
import { wishJoint } from '../threads/threads.ts';
import { withdrawCase } from '../threads/withdraw.ts';
import { confirmAddress, unlockCase } from '../verify/verify.ts';
import { loadClaimantPage, type PartyPage } from './claimant-page.ts';
import { type CaseDeps, sealPage } from './deps.ts';
import { closeInBrowser, findOpened, loadOpened, openInBrowser } from './key.ts';

interface NumberPage {
  readonly number: string;
}
const partyPage = view<PartyPage>('moderation/cases/party');
const unlockPage = view<NumberPage>('moderation/cases/unlock');
const confirmPage = view<NumberPage & { readonly token: string; readonly isDone: boolean }>('moderation/cases/confirm');

const UNLOCK: Limit = { name: 'claim-unlock', max: 30, perMs: 3_600_000 };
const ACT: Limit = { name: 'claim-act', max: 60, perMs: 3_600_000 };

const KeyForm = z.object({ secret: z.string().trim().max(200).default('') });
const TokenForm = z.object({ token: z.string().trim().max(200).default('') });
const OfferId = z.object({ offer: z.uuid() });

export const saidOf = (ctx: Ctx): string | null => {
  const key = `case.said-${String(ctx.query.said ?? '')}`;
  return hasMessage(key) ? t(key) : null;
};

/** `/claims/:number`: whoever holds the secret of the case. Everybody else gets the same page whether it exists or not. */
export function claimantRoutes(deps: CaseDeps): Router<State> {
  const { claims, limits } = deps;
  const routes = new Router<State>();
  const numberOf = (ctx: Ctx): string => String(ctx.params.number ?? '').slice(0, 40);

  const show = async (ctx: Ctx, kase: ClaimCase, form: FormState) => {
    sealPage(ctx);
    partyPage(ctx, await loadClaimantPage(ctx.state.work, claims, kase, form, saidOf(ctx)));
  };

  routes.get('/claims/find', anyone, (ctx) => {
    const number = typeof ctx.query.number === 'string' ? ctx.query.number.trim().toUpperCase().slice(0, 40) : '';
    sealPage(ctx);
    ctx.redirect(number ? `/claims/${encodeURIComponent(number)}` : '/claims/new');
  });

  routes.get('/claims/:number', anyone, async (ctx) => {
    sealPage(ctx);
    const kase = await findOpened(ctx, deps);
    if (kase) return show(ctx, kase, EMPTY_FORM);
    unlockPage(ctx, { number: numberOf(ctx), page: { title: t('claim.unlock-title'), noindex: true } });
  });

  routes.post('/claims/:number/key', anyone, async (ctx) => {
    sealPage(ctx);
    limits.take(ctx, UNLOCK);
    const { secret } = await readForm(ctx, KeyForm);
    openInBrowser(ctx, deps, await unlockCase(ctx.state.work, numberOf(ctx), secret));
    ctx.redirect(`/claims/${numberOf(ctx)}`);
  });

  routes.post('/claims/:number/key/removal', anyone, (ctx) => {
    sealPage(ctx);
    closeInBrowser(ctx, deps);
    ctx.redirect('/');
  });

  // A GET must not use the link up: mail scanners open every address that they find.
  routes.get('/claims/:number/confirmation', anyone, (ctx) => {
    sealPage(ctx);
    const token = typeof ctx.query.token === 'string' ? ctx.query.token.slice(0, 200) : '';
    const page = { title: t('claim.confirm-title'), noindex: true };
    confirmPage(ctx, { number: numberOf(ctx), token, isDone: false, page });
  });

  routes.post('/claims/:number/confirmation', anyone, async (ctx) => {
    sealPage(ctx);
    limits.take(ctx, UNLOCK);
    const { token } = await readForm(ctx, TokenForm);
    await confirmAddress(ctx.state.work, claims, numberOf(ctx), token);
    const page = { title: t('claim.confirm-title'), noindex: true };
    confirmPage(ctx, { number: numberOf(ctx), token: '', isDone: true, page });
  });

  /** An act of the claimant: refused, the page comes back with what was typed. */
  const act = <Schema extends z.ZodType>(
    path: string,
    schemaOf: (kase: ClaimCase) => Schema,
    run: (ctx: Ctx, kase: ClaimCase, form: z.output<Schema>) => Promise<string>,
  ) =>
    routes.post(`/claims/:number/${path}`, anyone, async (ctx) => {
      sealPage(ctx);
      limits.take(ctx, ACT);
      const kase = await loadOpened(ctx, deps);
      await submitForm(
        ctx,
        schemaOf(kase),
        async (form) => ctx.redirect(`/claims/${kase.number}?said=${await run(ctx, kase, form)}`),
        (form) => show(ctx, kase, form),
      );
    });
  const nothing = z.object({});

  const way: PartyWay = {
    ...{ path: '/claims/:number', party: 'claimant', guard: anyone, limit: ACT, show },
    load: (ctx) => loadOpened(ctx, deps),
    urlOf: ({ number }) => `/claims/${number}`,
  };
  threadRoutes(routes, deps, way);
  identityRoute(routes, deps, way);
  act(
    'artist',
    () => ArtistForm,
    async (ctx, kase, form) => {
      await askArtist(ctx.state.work, claims, kase.id, form);
      return 'artist#artist';
    },
  );
  act(
    'answers',
    (kase) => missingFormOf(kase.type, kase.missing),
    async (ctx, kase, form) => {
      await answerQuestions(ctx.state.work, claims, kase.id, form as Record<string, string>);
      return 'answered';
    },
  );
  act(
    'proof',
    () => ProofForm,
    async (ctx, kase, form) => {
      await prove(ctx.state.work, claims, kase.id, form);
      return 'proof#proof';
    },
  );
  act(
    'joint',
    () => nothing,
    async (ctx, kase) => {
      await wishJoint(ctx.state.work, kase, 'claimant');
      return 'joint';
    },
  );
  act(
    'offers',
    () => OfferForm,
    async (ctx, kase, form) => {
      await makeOffer(ctx.state.work, claims, kase, 'claimant', form);
      return 'offer';
    },
  );
  act(
    'offers/acceptance',
    () => OfferId,
    async (ctx, kase, { offer }) => {
      await acceptOffer(ctx.state.work, claims, kase, 'claimant', offer);
      return 'accepted';
    },
  );
  act(
    'offers/refusal',
    () => OfferId,
    async (ctx, kase, { offer }) => {
      await declineOffer(ctx.state.work, kase, 'claimant', offer);
      return 'declined';
    },
  );
  act(
    'court',
    () => CourtForm,
    async (ctx, kase, form) => {
      await showCourtAction(ctx.state.work, claims, kase.id, form);
      return 'court';
    },
  );
  act(
    'appeal',
    () => AppealForm,
    async (ctx, kase, form) => {
      await fileAppeal(ctx.state.work, kase.id, 'claimant', form);
      return 'appealed';
    },
  );
  act(
    'account',
    () => nothing,
    async (ctx, kase) => {
      await adoptClaim(ctx.state.work, kase.id);
      return 'adopted';
    },
  );
  act(
    'withdrawal',
    () => nothing,
    async (ctx, kase) => withdrawCase(ctx.state.work, claims, kase.id),
  );

  return routes;
}
