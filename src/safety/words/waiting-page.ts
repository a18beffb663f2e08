import { saidPage } from '../../accounts/said-page.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx } from '../../kit/web/state.ts';
import { isWaiting, type Worded } from './hold.ts';

/** After words were kept: says that somebody looks at them first. False, and nothing done, when nobody has to. */
export async function showWaiting(ctx: Ctx, thing: Worded): Promise<boolean> {
  if (!(await isWaiting(ctx.state.work.em, thing))) return false;
  saidPage(ctx, { title: t('words.waiting'), text: t('words.waiting-text'), href: '/', label: t('nav.feed') });
  return true;
}
