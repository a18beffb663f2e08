import type { Ctx } from '../kit/web/state.ts';
import { view } from '../kit/web/views.ts';

interface SaidPage {
  readonly title: string;
  readonly text: string;
  readonly href: string;
  readonly label: string;
}
const page = view<SaidPage>('accounts/said');

/** A page that says what happened and where to go from here. */
export function saidPage(ctx: Ctx, props: SaidPage): void {
  ctx.set('Cache-Control', 'no-store');
  page(ctx, { ...props, page: { title: props.title, noindex: true } });
}
