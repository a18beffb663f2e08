import Router from '@koa/router';
import { EMPTY_FORM, type FormState, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { anyone } from '../access/guard.ts';
import { openSession } from '../access/open-session.ts';
import { keepSecret, tokenOf } from '../access/password-routes.ts';
import { hasContact } from '../claim-settings.ts';
import { type AccountDeps, openDoor } from '../deps.ts';
import { type NodeSettings, nodeSettings } from '../node-settings.ts';
import { saidPage } from '../said-page.ts';
import { refuseTakenName } from './create.ts';
import { findOpenInvite } from './invites.ts';
import { loadSetUp, SetUpForm, setUp } from './set-up.ts';
import { findSignUpMode, SignUpForm, signUp } from './sign-up.ts';
import { makeRiddle, type Riddle, RiddleFields, refusePrograms, spendTicket } from './spam.ts';
import { ResendForm, resendVerification, verifyEmail } from './verify-email.ts';

interface SignUpPage extends FormState {
  readonly mode: NodeSettings['signUpMode'] | 'not_set_up';
  readonly isInvited: boolean;
  readonly invite: string;
  readonly riddle: Riddle;
  readonly rules: string;
  readonly terms: string;
}
const signUpPage = view<SignUpPage>('accounts/sign-up');
const setUpPage = view<FormState & { readonly token: string }>('accounts/set-up');
const verifyPage = view<{ readonly token: string }>('accounts/verify-email');
const resendPage = view<FormState>('accounts/verify-again');

const SIGN_UP: Limit = { name: 'sign-up', max: 20, perMs: 3_600_000 };
const JOINED: Limit = { name: 'joined', max: 5, perMs: 24 * 3_600_000 };
const RESEND: Limit = { name: 'verify-again', max: 5, perMs: 3_600_000 };
const SET_UP: Limit = { name: 'set-up', max: 30, perMs: 3_600_000 };

const WholeSignUp = SignUpForm.extend(RiddleFields.shape);

export function joiningRoutes(deps: AccountDeps): Router<State> {
  const { limits, settings, secretKey } = deps;
  const routes = new Router<State>();

  const showSignUp = async (ctx: Ctx, form: FormState) => {
    const { em, now } = ctx.state.work;
    const node = await settings.read(em, nodeSettings);
    const code = form.values.invite ?? ctx.query.invite;
    const invite = typeof code === 'string' ? code : '';
    ctx.set('Cache-Control', 'no-store');
    signUpPage(ctx, {
      ...form,
      mode: await findSignUpMode(ctx.state.work, node, await hasContact(em, settings)),
      isInvited: (await findOpenInvite(ctx.state.work, invite)) !== null,
      invite,
      riddle: makeRiddle(secretKey, now()),
      rules: node.rules,
      terms: node.terms,
      page: { title: t('sign-up.title', { node: node.name }) },
    });
  };

  routes.get('/sign-up', anyone, async (ctx) => {
    if (ctx.state.work.viewer) return ctx.redirect('/');
    await showSignUp(ctx, EMPTY_FORM);
  });

  routes.post('/sign-up', anyone, async (ctx) => {
    limits.take(ctx, SIGN_UP);
    await submitForm(
      ctx,
      WholeSignUp,
      async (form) => {
        const { work } = ctx.state;
        refusePrograms(form, secretKey, work.now());
        // before the form counts as sent: a name that is taken is no reason to wait
        await refuseTakenName(work, form.name);
        spendTicket(limits, form.ticket);
        limits.take(ctx, JOINED);
        const { account, admission } = await signUp(work, await openDoor(deps, work), form);
        if (account && admission === 'active') {
          await openSession(ctx, deps, account);
          return ctx.redirect('/settings/profile?said=welcome');
        }
        saidPage(ctx, {
          title: t(`joined.${admission}-title`),
          text: t(`joined.${admission}`, { email: form.email }),
          href: '/',
          label: t('joined.look-around'),
        });
      },
      (form) => showSignUp(ctx, form),
    );
  });

  // A GET must not use the link up: mail scanners open every address that they find.
  routes.get('/verify-email', anyone, (ctx) => {
    keepSecret(ctx);
    verifyPage(ctx, { token: tokenOf(ctx), page: { title: t('verify.title'), noindex: true } });
  });

  routes.post('/verify-email', anyone, async (ctx) => {
    limits.take(ctx, RESEND);
    const node = await settings.read(ctx.state.work.em, nodeSettings);
    const account = await verifyEmail(ctx.state.work, tokenOf(ctx), node.signUpMode);
    const said = account.state === 'awaiting_approval' ? 'waiting' : 'verified';
    ctx.redirect(ctx.state.work.viewer ? '/settings/account?said=verified' : `/sign-in?said=${said}`);
  });

  const showResend = (ctx: Ctx, form: FormState) =>
    resendPage(ctx, { ...form, page: { title: t('verify.again-title'), noindex: true } });

  routes.get('/verify-email/again', anyone, (ctx) => showResend(ctx, EMPTY_FORM));

  routes.post('/verify-email/again', anyone, async (ctx) => {
    limits.take(ctx, RESEND);
    await submitForm(
      ctx,
      ResendForm,
      async (form) => {
        await resendVerification(ctx.state.work, await openDoor(deps, ctx.state.work), form);
        const [title, text] = [t('verify.again-title'), t('verify.again-sent')];
        saidPage(ctx, { title, text, href: '/sign-in', label: t('sign-in.title') });
      },
      (form) => showResend(ctx, form),
    );
  });

  const showSetUp = (ctx: Ctx, form: FormState) => {
    keepSecret(ctx);
    setUpPage(ctx, { ...form, token: tokenOf(ctx), page: { title: t('set-up.title'), noindex: true } });
  };

  // whoever holds the link that the machine printed
  routes.get('/setup', anyone, async (ctx) => {
    await loadSetUp(ctx.state.work, tokenOf(ctx));
    showSetUp(ctx, EMPTY_FORM);
  });

  routes.post('/setup', anyone, async (ctx) => {
    limits.take(ctx, SET_UP);
    await submitForm(
      ctx,
      SetUpForm,
      async (form) => {
        const account = await setUp(ctx.state.work, settings, tokenOf(ctx), form);
        await openSession(ctx, deps, account);
        // a page of the operator's, which says what the node still needs
        ctx.redirect('/admin/start?said=set-up');
      },
      (form) => showSetUp(ctx, form),
    );
  });

  return routes;
}
