import type { Settings } from '../kit/settings.ts';
import type { PageState } from '../kit/web/views.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { openPurse } from './allowance.ts';
import { creditSettings } from './settings.ts';

/** What the layout shows of a member's credits. The first page of a day gives the allowance of that day. */
export async function addCredits(
  page: PageState,
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer | null,
  settings: Settings,
): Promise<PageState> {
  if (!page.viewer || !viewer) return page;
  const rules = await settings.read(em, creditSettings);
  if (!rules.isOn) return page;
  const { balance } = await openPurse(em, viewer.id, rules, now());
  return { ...page, viewer: { ...page.viewer, credits: balance } };
}
