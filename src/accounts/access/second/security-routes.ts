import Router from '@koa/router';
import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { type FormState, readForm, submitForm, uuidParam } from '../../../kit/web/forms.ts';
import type { Limit } from '../../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import type { AccountDeps } from '../../deps.ts';
import type { Account } from '../../model.ts';
import { nodeSettings } from '../../node-settings.ts';
import { loadOwnAccount } from '../../profile/edit.ts';
import { settingsPage } from '../../settings-page.ts';
import { browserOnly } from '../guard.ts';
import { matchesPassword } from '../passwords.ts';
import { CodeForm } from '../sign-in.ts';
import { addPasskey, beginPasskey, listPasskeys, PasskeyForm, removePasskey } from './passkeys.ts';
import { countRecoveryCodes, renewRecoveryCodes } from './recovery.ts';
import { beginTotp, hasTotp, removeTotp, useTotp } from './totp.ts';

interface SecurityPage {
  readonly hasTotp: boolean;
  readonly codesLeft: number;
  readonly passkeys: Awaited<ReturnType<typeof listPasskeys>>;
}
const securityPage = settingsPage<SecurityPage>('security');
const totpPage = settingsPage<Awaited<ReturnType<typeof beginTotp>>>('security', 'security-app');
const codesPage = settingsPage<{ readonly codes: readonly string[] }>('security', 'security-codes');

const OwnPassword = z.object({ password: z.string().min(1, 'Your password.').max(1_000) });
const OWN_PASSWORD: Limit = { name: 'own-password', max: 10, perMs: 15 * 60_000 };

/** `/settings/security`: authenticator app, recovery codes and passkeys of each member, in a browser. */
export function securityRoutes(deps: AccountDeps): Router<State> {
  const { limits, settings, secretKey, publicUrl } = deps;
  const routes = new Router<State>();

  const show = async (ctx: Ctx, form?: FormState, refused?: string) => {
    const { work } = ctx.state;
    const account = await loadOwnAccount(work);
    const now = {
      hasTotp: await hasTotp(work, account),
      codesLeft: await countRecoveryCodes(work, account),
      passkeys: await listPasskeys(work, account),
    };
    securityPage(ctx, now, form, refused);
  };

  /** An open browser is not enough to weaken an account, or to add a way in. */
  const provePassword = async (ctx: Ctx, password: string): Promise<Account> => {
    limits.take(ctx, OWN_PASSWORD);
    const account = await loadOwnAccount(ctx.state.work);
    if (await matchesPassword(ctx.state.work, account, password)) return account;
    throw new AppError('invalid', 'This is not your password.', { fields: { password: 'This is not your password.' } });
  };

  routes.get('/settings/security', browserOnly, (ctx) => show(ctx));

  const showTotp = async (ctx: Ctx, form?: FormState) => {
    const { work } = ctx.state;
    const { name: issuer } = await settings.read(work.em, nodeSettings);
    totpPage(ctx, await beginTotp(work, await loadOwnAccount(work), { secretKey, issuer }), form, 'code');
  };

  routes.get('/settings/security/app', browserOnly, (ctx) => showTotp(ctx));

  routes.post('/settings/security/app', browserOnly, async (ctx) => {
    limits.take(ctx, OWN_PASSWORD);
    await submitForm(
      ctx,
      CodeForm,
      async ({ code }) => {
        const { work } = ctx.state;
        const account = await loadOwnAccount(work);
        if (await hasTotp(work, account)) throw new AppError('conflict', 'An authenticator app is already set up.');
        if (!(await useTotp(work, account, code.replace(/\s/g, ''), secretKey))) {
          throw new AppError('invalid', 'This code does not fit. Is the clock of your device right?', {
            fields: { code: 'This code does not fit. Is the clock of your device right?' },
          });
        }
        codesPage(ctx, { codes: await renewRecoveryCodes(work, account) });
      },
      (form) => showTotp(ctx, form),
    );
  });

  routes.post('/settings/security/app/remove', browserOnly, async (ctx) => {
    await submitForm(
      ctx,
      OwnPassword,
      async ({ password }) => {
        await removeTotp(ctx.state.work, await provePassword(ctx, password));
        ctx.redirect('/settings/security?said=app-removed');
      },
      (form) => show(ctx, form, 'app'),
    );
  });

  routes.post('/settings/security/codes', browserOnly, async (ctx) => {
    await submitForm(
      ctx,
      OwnPassword,
      async ({ password }) => {
        const account = await provePassword(ctx, password);
        codesPage(ctx, { codes: await renewRecoveryCodes(ctx.state.work, account) });
      },
      (form) => show(ctx, form, 'codes'),
    );
  });

  routes.post('/settings/security/passkeys/options', browserOnly, async (ctx) => {
    const { password } = await readForm(ctx, OwnPassword);
    const account = await provePassword(ctx, password);
    const { name } = await settings.read(ctx.state.work.em, nodeSettings);
    ctx.body = await beginPasskey(ctx.state.work, account, publicUrl, name);
  });

  routes.post('/settings/security/passkeys', browserOnly, async (ctx) => {
    limits.take(ctx, OWN_PASSWORD);
    const form = await readForm(ctx, PasskeyForm);
    await addPasskey(ctx.state.work, await loadOwnAccount(ctx.state.work), publicUrl, form);
    ctx.body = { url: '/settings/security?said=passkey' };
  });

  routes.post('/settings/security/passkeys/:id/remove', browserOnly, async (ctx) => {
    const id = uuidParam(ctx);
    await submitForm(
      ctx,
      OwnPassword,
      async ({ password }) => {
        await removePasskey(ctx.state.work, await provePassword(ctx, password), id);
        ctx.redirect('/settings/security?said=passkey-removed');
      },
      (form) => show(ctx, form, 'passkey'),
    );
  });

  return routes;
}
