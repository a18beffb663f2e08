import type Router from '@koa/router';
import { browserOnly, viewerIn } from '../../accounts/access/guard.ts';
import { assertSees } from '../../gallery/access.ts';
import { AppError } from '../../kit/errors.ts';
import { EMPTY_FORM, type FormState, idParam, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import { openPurse } from '../allowance.ts';
import type { EconomyDeps } from '../deps.ts';
import { findSaleBan, saleBanText } from '../licences/selling.ts';
import { creditSettings } from '../settings.ts';
import { BuyForm, buyEarly } from './buy.ts';
import { findEarly, isEarlyNow } from './early.ts';
import { EarlyForm, endEarly, loadOwnEarly, mayBegin, setEarly } from './set.ts';
import { type EarlyView, loadEarlyView } from './view.ts';

interface OwnPage {
  readonly versionId: number;
  readonly title: string;
  readonly modelUrl: string;
  readonly isEarly: boolean;
  readonly isPublic: boolean;
  /** Why it cannot be; '' when it can. */
  readonly refusal: string;
  /** Who forbids that it is sold, in words; '' for nobody. */
  readonly saleBan: string;
  readonly endsAt: string;
  readonly isForFollowers: boolean;
  readonly price: number | null;
  readonly mostDays: number;
  readonly mostPrice: number;
  readonly form: FormState;
}
const ownPage = view<OwnPage>('economy/early-own');

interface BuyPage extends EarlyView {
  readonly versionId: number;
  readonly title: string;
  readonly modelUrl: string;
  readonly balance: number | null;
  readonly form: FormState;
}
const buyPage = view<BuyPage>('economy/early-buy');

export const BUY: Limit = { name: 'early-buy', max: 60, perMs: 3_600_000 };
type ParamCtx = Ctx & { params: Record<string, string | undefined> };

/** `/versions/:id/early-access`: for its owner how it is early, for everybody else the way in. */
export function earlyRoutes(routes: Router<State>, { settings, limits }: EconomyDeps): void {
  async function show(ctx: ParamCtx, form: FormState = EMPTY_FORM): Promise<void> {
    const { em, viewer, now } = ctx.state.work;
    const versionId = idParam(ctx);
    const early = await findEarly(em, versionId);
    if (!early) throw new AppError('not_found', t('early.none'));
    const modelUrl = `/models/${early.modelId}?version=${versionId}`;
    const title = `${early.modelName} · ${early.versionName}`;
    const rules = await settings.read(em, creditSettings);
    if (viewer?.id === early.ownerId) {
      await loadOwnEarly(ctx.state.work, versionId);
      const { terms } = early;
      const mayNot = rules.earlyMostDays === 0 ? t('early.off') : mayBegin(early) ? '' : t('early.was-open');
      return ownPage(ctx, {
        ...{ versionId, title, modelUrl, form, refusal: mayNot },
        saleBan: saleBanText(await findSaleBan(em, versionId, early.ownerId, now())),
        isEarly: isEarlyNow(early, now()),
        isPublic: early.publishedAt !== null,
        endsAt: terms?.endsAt.toISOString().slice(0, 16) ?? '',
        ...{ isForFollowers: terms?.isForFollowers ?? true, price: terms?.price ?? null },
        ...{ mostDays: rules.earlyMostDays, mostPrice: rules.earlyMostPrice },
        page: { title: t('early.title'), noindex: true },
      });
    }
    await assertSees(em, viewer, { kind: 'version', id: versionId });
    const shown = await loadEarlyView(ctx.state.work, versionId);
    if (!shown || !viewer || shown.isIn) return ctx.redirect(`${modelUrl}#early-access`);
    const balance = rules.isOn ? (await openPurse(em, viewer.id, rules, now())).balance : null;
    buyPage(ctx, {
      ...shown,
      versionId,
      title,
      modelUrl,
      balance,
      form,
      page: { title: t('early.title'), noindex: true },
    });
  }

  routes.get('/versions/:id/early-access', browserOnly, (ctx) => show(ctx));

  routes.post('/versions/:id/early-access', browserOnly, (ctx) =>
    submitForm(
      ctx,
      EarlyForm,
      async (form) => {
        await setEarly(ctx.state.work, settings, idParam(ctx), form);
        ctx.redirect(`/versions/${idParam(ctx)}/early-access`);
      },
      (form) => show(ctx, form),
    ),
  );

  routes.post('/versions/:id/early-access/removal', browserOnly, async (ctx) => {
    const { modelId, versionId } = await endEarly(ctx.state.work, idParam(ctx));
    ctx.redirect(`/models/${modelId}?version=${versionId}`);
  });

  routes.post('/versions/:id/early-access/purchase', browserOnly, (ctx) => {
    limits.take(ctx, BUY);
    return submitForm(
      ctx,
      BuyForm,
      async (form) => {
        await buyEarly(ctx.state.work, settings, viewerIn(ctx), idParam(ctx), form);
        const early = await findEarly(ctx.state.work.em, idParam(ctx));
        ctx.redirect(`/models/${early?.modelId}?version=${idParam(ctx)}#early-access`);
      },
      (form) => show(ctx, form),
    );
  });
}
