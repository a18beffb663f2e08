import { isAuditBroken } from '../../kit/audit/state.ts';
import { EMPTY_FORM, type FormState } from '../../kit/web/forms.ts';
import { hasMessage, t } from '../../kit/web/messages.ts';
import type { Ctx } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { AdminLink } from '../deps.ts';
import { adminNav, countAll, type SideNav } from './nav.ts';

interface AdminPage<Props> {
  readonly sideNav: SideNav;
  readonly form: FormState;
  /** What just happened, after a redirect with `?said=`. */
  readonly said: string | null;
  readonly now: Props;
  /** Somebody changed the audit log. */
  readonly isAuditBroken: boolean;
}

/** A page under `/admin`: what is so now in `now`, and the form that was refused with what was typed. */
export function adminPage<Props extends object>(template: string) {
  const show = view<AdminPage<Props>>(template);
  return async (
    ctx: Ctx,
    { adminLinks }: { readonly adminLinks: readonly AdminLink[] },
    title: string,
    now: Props,
    form: FormState = EMPTY_FORM,
  ): Promise<void> => {
    const key = `admin.said-${String(ctx.query.said ?? '')}`;
    const { work } = ctx.state;
    show(ctx, {
      sideNav: adminNav(work.viewer, ctx.path, adminLinks, await countAll(work, adminLinks)),
      form,
      said: hasMessage(key) ? t(key) : null,
      now,
      isAuditBroken: await isAuditBroken(work.em),
      page: { title, noindex: true },
    });
  };
}
