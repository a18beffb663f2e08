import Router from '@koa/router';
import { z } from 'zod';
import { browserOnly, viewerIn } from '../accounts/access/guard.ts';
import { can } from '../accounts/permissions.ts';
import { accountCard } from '../accounts/profile/header.ts';
import { AppError } from '../kit/errors.ts';
import { newId } from '../kit/ids.ts';
import { EMPTY_FORM, type FormState, readQuery, readRawForm, submitRaw } from '../kit/web/forms.ts';
import { t } from '../kit/web/messages.ts';
import type { Limit } from '../kit/web/rate-limit.ts';
import type { Ctx, State } from '../kit/web/state.ts';
import { view } from '../kit/web/views.ts';
import { openPurse } from './allowance.ts';
import { bountyRoutes } from './bounties/routes.ts';
import type { EconomyDeps } from './deps.ts';
import { earlyRoutes } from './early/routes.ts';
import { type HeldLine, type HistoryLine, listHeld, listHistory } from './history.ts';
import { findPurse } from './ledger/accounts.ts';
import { licenceRoutes } from './licences/routes.ts';
import { type CreditSettings, creditSettings, dayOf, nextDay } from './settings.ts';
import { loadTipTarget, type TipTarget } from './tips/target.ts';
import { loadTipRules, sendTip, TipForm } from './tips/tip.ts';

interface CreditsPage {
  readonly balance: number;
  readonly held: number;
  readonly heldLines: readonly HeldLine[];
  readonly lines: readonly HistoryLine[];
  readonly isFirstPage: boolean;
  readonly moreUrl: string;
  readonly rules: CreditSettings;
  /** Runs the node, and pays nothing for its GPU. */
  readonly isFree: boolean;
  readonly nextAllowanceOn: string;
}
const creditsPage = view<CreditsPage>('economy/credits');

interface TipPage extends Pick<TipTarget, 'about' | 'title' | 'url' | 'refusal'> {
  readonly recipient: ReturnType<typeof accountCard>;
  readonly key: string;
  readonly most: number;
  readonly balance: number;
  readonly form: FormState;
}
const tipPage = view<TipPage>('economy/tip-new');
const sentPage = view<Pick<TipPage, 'recipient' | 'url' | 'balance'>>('economy/tip-sent');

const History = z.object({ before: z.string().max(60).catch('') });
const About = z.object({ about: z.string().max(60).catch('') });
export const TIPS: Limit = { name: 'tip', max: 120, perMs: 3_600_000 };

/** `/credits`, `/tips/new`: each member's own, in a browser; and what credits buy and thank for. */
export function economyRoutes(deps: EconomyDeps): Router<State> {
  const { settings, limits } = deps;
  const routes = new Router<State>();
  earlyRoutes(routes, deps);
  licenceRoutes(routes, deps);
  bountyRoutes(routes, deps);

  routes.get('/credits', browserOnly, async (ctx) => {
    const { em, now } = ctx.state.work;
    const rules = await settings.read(em, creditSettings);
    if (!rules.isOn) throw new AppError('not_found', t('credits.off'));
    const viewer = viewerIn(ctx);
    await openPurse(em, viewer.id, rules, now());
    const purse = await findPurse(em, viewer.id);
    const { before = '' } = readQuery(ctx, History);
    const { lines, nextBefore } = purse ? await listHistory(em, purse.id, before) : { lines: [], nextBefore: '' };
    creditsPage(ctx, {
      ...{ balance: purse?.balance ?? 0, held: purse?.held ?? 0, lines, rules },
      heldLines: purse ? await listHeld(em, purse.id) : [],
      isFirstPage: before === '',
      moreUrl: nextBefore ? `/credits?before=${nextBefore}` : '',
      isFree: can(viewer, 'manageSettings'),
      nextAllowanceOn: dayOf(nextDay(now())),
      page: { title: t('credits.title'), noindex: true },
    });
  });

  async function showTip(ctx: Ctx, about: string, form: FormState = EMPTY_FORM): Promise<void> {
    const { em, now } = ctx.state.work;
    const viewer = viewerIn(ctx);
    const rules = await loadTipRules({ em }, settings);
    const { recipient, title, url, refusal } = await loadTipTarget(em, viewer, about);
    const { balance } = await openPurse(em, viewer.id, rules, now());
    const key = typeof form.values.key === 'string' ? form.values.key : newId();
    tipPage(ctx, {
      ...{ about, title, url, refusal, key, balance, form },
      most: Math.min(rules.tipMost, Math.max(balance, 1)),
      recipient: accountCard(recipient),
      page: { title: t('tip.title'), noindex: true },
    });
  }

  routes.get('/tips/new', browserOnly, (ctx) => showTip(ctx, readQuery(ctx, About).about ?? ''));

  routes.post('/tips', browserOnly, async (ctx) => {
    limits.take(ctx, TIPS);
    const raw = await readRawForm(ctx);
    const about = String(raw.about ?? '').slice(0, 60);
    await submitRaw(
      ctx,
      raw,
      TipForm,
      async (form) => {
        await sendTip(ctx.state.work, settings, viewerIn(ctx), about, form);
        ctx.redirect(`/tips/sent?about=${about}`);
      },
      (form) => showTip(ctx, about, form),
    );
  });

  routes.get('/tips/sent', browserOnly, async (ctx) => {
    const { em, now } = ctx.state.work;
    const viewer = viewerIn(ctx);
    const rules = await loadTipRules({ em }, settings);
    const { recipient, url } = await loadTipTarget(em, viewer, readQuery(ctx, About).about ?? '');
    const { balance } = await openPurse(em, viewer.id, rules, now());
    sentPage(ctx, { recipient: accountCard(recipient), url, balance, page: { title: t('tip.sent'), noindex: true } });
  });

  return routes;
}
