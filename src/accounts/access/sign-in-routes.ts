import Router from '@koa/router';
import { EMPTY_FORM, type FormState, readForm, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { AccountDeps } from '../deps.ts';
import { Account } from '../model.ts';
import { nodeSettings } from '../node-settings.ts';
import { anyone, safeNext } from './guard.ts';
import { consumeOneTime } from './one-time.ts';
import { closeSession, openSession } from './open-session.ts';
import { askForPasskey, PasskeyAnswer, usePasskey } from './second/passkeys.ts';
import { CodeForm, loadSecondStep, SignInForm, signIn, signInWithCode } from './sign-in.ts';

interface SignInPage extends FormState {
  readonly next: string;
  readonly notice: string | null;
  readonly mode: string;
}
const signInPage = view<SignInPage>('accounts/sign-in');
const codePage = view<FormState & { readonly next: string }>('accounts/sign-in-code');

const STEP_COOKIE = 'sign-in';
const STEP_MS = 10 * 60_000;

/** By network: a household, or a program that tries a list of passwords. */
const BY_ADDRESS: Limit = { name: 'sign-in', max: 30, perMs: 15 * 60_000 };
/** By name, whichever network asks: what slows down a guess that is spread over many machines. */
const BY_NAME: Limit = { name: 'sign-in-name', max: 10, perMs: 15 * 60_000 };

/** Notices that a link may show on the sign-in page. */
const NOTICES = new Set(['out', 'reset', 'verified', 'waiting', 'leaving', 'changed']);

export function signInRoutes(deps: AccountDeps): Router<State> {
  const { cookies, limits, settings, publicUrl, secretKey } = deps;
  const routes = new Router<State>();

  const showSignIn = async (ctx: Ctx, form: FormState) => {
    ctx.set('Cache-Control', 'no-store');
    const { said } = ctx.query;
    signInPage(ctx, {
      ...form,
      next: safeNext(ctx.query.next),
      notice: typeof said === 'string' && NOTICES.has(said) ? t(`sign-in.said-${said}`) : null,
      mode: (await settings.read(ctx.state.work.em, nodeSettings)).signUpMode,
      page: { title: t('sign-in.title'), noindex: true },
    });
  };
  const finish = async (ctx: Ctx, account: Account): Promise<string> => {
    const { keptAccount } = await openSession(ctx, deps, account);
    return keptAccount ? '/settings/data?said=kept' : safeNext(ctx.query.next);
  };

  routes.get('/sign-in', anyone, async (ctx) => {
    if (ctx.state.work.viewer) return ctx.redirect(safeNext(ctx.query.next));
    await showSignIn(ctx, EMPTY_FORM);
  });

  routes.post('/sign-in', anyone, async (ctx) => {
    limits.take(ctx, BY_ADDRESS);
    await submitForm(
      ctx,
      SignInForm,
      async (form) => {
        limits.takeFor(`sign-in-name ${form.name.toLowerCase().replace(/^@/, '')}`, BY_NAME);
        const { account, secondStep } = await signIn(ctx.state.work, form);
        if (secondStep) {
          const until = new Date(ctx.state.work.now().getTime() + STEP_MS);
          cookies.write(ctx, STEP_COOKIE, secondStep, until);
          return ctx.redirect(`/sign-in/code?next=${encodeURIComponent(safeNext(ctx.query.next))}`);
        }
        ctx.redirect(await finish(ctx, account));
      },
      (form) => showSignIn(ctx, form),
    );
  });

  const showCode = (ctx: Ctx, form: FormState) => {
    ctx.set('Cache-Control', 'no-store');
    codePage(ctx, { ...form, next: safeNext(ctx.query.next), page: { title: t('sign-in.code-title'), noindex: true } });
  };

  routes.get('/sign-in/code', anyone, async (ctx) => {
    const secret = cookies.read(ctx, STEP_COOKIE);
    if (!secret) return ctx.redirect('/sign-in');
    await loadSecondStep(ctx.state.work, secret);
    showCode(ctx, EMPTY_FORM);
  });

  routes.post('/sign-in/code', anyone, async (ctx) => {
    limits.take(ctx, BY_ADDRESS);
    await submitForm(
      ctx,
      CodeForm,
      async (form) => {
        const account = await signInWithCode(ctx.state.work, cookies.read(ctx, STEP_COOKIE) ?? '', form, secretKey);
        cookies.clear(ctx, STEP_COOKIE);
        ctx.redirect(await finish(ctx, account));
      },
      (form) => showCode(ctx, form),
    );
  });

  // With the cookie of a password step this is the second step; without it, a passkey alone signs in: it verifies the
  // person (a finger, a PIN) besides the possession of the device.
  const pendingStep = async (ctx: Ctx) => {
    const secret = cookies.read(ctx, STEP_COOKIE);
    return secret && ctx.query.step === 'second' ? loadSecondStep(ctx.state.work, secret) : null;
  };

  routes.post('/sign-in/passkey/options', anyone, async (ctx) => {
    limits.take(ctx, BY_ADDRESS);
    const step = await pendingStep(ctx);
    const account = step?.account ? await ctx.state.work.em.findOneOrFail(Account, step.account.id) : null;
    ctx.body = await askForPasskey(ctx.state.work, publicUrl, account);
  });

  routes.post('/sign-in/passkey', anyone, async (ctx) => {
    limits.take(ctx, BY_ADDRESS);
    const answer = await readForm(ctx, PasskeyAnswer);
    const step = await pendingStep(ctx);
    const pending = step?.account ? await ctx.state.work.em.findOneOrFail(Account, step.account.id) : null;
    const account = await usePasskey(ctx.state.work, publicUrl, pending, answer);
    if (step) await consumeOneTime(ctx.state.work, step);
    cookies.clear(ctx, STEP_COOKIE);
    ctx.body = { url: await finish(ctx, account) };
  });

  routes.post('/sign-out', anyone, async (ctx) => {
    await closeSession(ctx, deps);
    ctx.redirect('/sign-in?said=out');
  });

  return routes;
}
