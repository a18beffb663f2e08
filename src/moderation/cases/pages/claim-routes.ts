import Router from '@koa/router';
import { anyone } from '../../../accounts/access/guard.ts';
import { EMPTY_FORM, type FormState, readRawForm, submitRaw } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { view } from '../../../kit/web/views.ts';
import { claimFormOf } from '../intake/form.ts';
import { submitClaim } from '../intake/submit.ts';
import { CLAIM_TYPES, type ClaimType } from '../types/types.ts';
import { type ClaimFormPage, loadClaimForm } from './claim-form-page.ts';
import { type CaseDeps, sealPage } from './deps.ts';

interface FiledPage {
  readonly number: string;
  readonly secret: string;
  readonly link: string;
  readonly sendsMail: boolean;
}

const formPage = view<ClaimFormPage>('moderation/cases/claim-form');
const filedPage = view<FiledPage>('moderation/cases/filed');

const typeOf = (given: unknown): ClaimType | null => CLAIM_TYPES.find((type) => type === given) ?? null;

/** `/claims/new` and `/claims`: anybody, without an account and without scripts. */
export function claimRoutes(deps: CaseDeps): Router<State> {
  const { claims, limits } = deps;
  const routes = new Router<State>();

  const show = async (ctx: Ctx, type: ClaimType | null, about: string, form: FormState) => {
    sealPage(ctx);
    formPage(ctx, await loadClaimForm(ctx.state.work, claims, type, about, form));
  };

  routes.get('/claims/new', anyone, (ctx) => {
    const { type, about } = ctx.query;
    return show(ctx, typeOf(type), typeof about === 'string' ? about.slice(0, 2_000) : '', EMPTY_FORM);
  });

  routes.post('/claims', anyone, async (ctx) => {
    sealPage(ctx);
    const raw = await readRawForm(ctx);
    const type = typeOf(raw.type) ?? 'other';
    await submitRaw(
      ctx,
      raw,
      claimFormOf(type),
      async (form) => {
        const { number, secret } = await submitClaim(ctx.state.work, claims, limits, { ...form, ip: ctx.ip });
        const link = new URL(`/claims/${number}#${secret}`, claims.publicUrl).href;
        const page = { title: t('claim.filed-title'), noindex: true };
        filedPage(ctx, { number, secret, link, sendsMail: claims.mailer.isConnected, page });
      },
      (form) => show(ctx, type, typeof raw.url === 'string' ? raw.url : '', form),
    );
  });

  return routes;
}
