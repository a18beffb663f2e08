import Router from '@koa/router';
import { staffOnly, viewerIn } from '../../../accounts/access/guard.ts';
import { adminPage } from '../../../accounts/staff/admin-page.ts';
import { EMPTY_FORM, type FormState, submitForm } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import { fileOrder, listOrders, OrderForm, type OrderView, orderTypes } from '../intake/order.ts';
import type { CaseDeps } from './deps.ts';

interface OrdersNow {
  readonly types: readonly { readonly value: string; readonly label: string }[];
  readonly orders: readonly (OrderView & { readonly typeLabel: string; readonly stateLabel: string })[];
}
const ordersPage = adminPage<OrdersNow>('moderation/cases/orders');
const HOME = '/moderation/orders';

/** `/moderation/orders`: staff who decide cases, each for the types that they may decide. */
export function orderRoutes(deps: CaseDeps): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('decideSevere', 'decideRights', 'moderateContent');

  const show = async (ctx: Ctx, form: FormState = EMPTY_FORM) => {
    ctx.set('Cache-Control', 'private, no-store');
    const viewer = viewerIn(ctx);
    const orders = await listOrders(ctx.state.work, viewer);
    await ordersPage(
      ctx,
      deps,
      t('admin.orders'),
      {
        types: orderTypes(viewer).map((value) => ({ value, label: t(`case.type-${value}`) })),
        orders: orders.map((one) => ({
          ...one,
          typeLabel: t(`case.type-${one.type}`),
          stateLabel: t(`case.state-${one.state}`),
        })),
      },
      form,
    );
  };

  routes.get(HOME, staff, (ctx) => show(ctx));

  routes.post(HOME, staff, async (ctx) => {
    await submitForm(
      ctx,
      OrderForm,
      async (form) => {
        await fileOrder(ctx.state.work, deps.claims, form);
        ctx.redirect(`${HOME}?said=order`);
      },
      (form) => show(ctx, form),
    );
  });

  return routes;
}
