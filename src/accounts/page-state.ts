import type { Settings } from '../kit/settings.ts';
import type { Ctx } from '../kit/web/state.ts';
import type { PageState } from '../kit/web/views.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { hasContact } from './claim-settings.ts';
import { countFollowRequests } from './follow.ts';
import { Account } from './model.ts';
import { nodeSettings } from './node-settings.ts';
import { can } from './permissions.ts';
import { avatarUrl } from './profile/header.ts';
import { isAccountStaff } from './staff/roles.ts';

export const THEMES = ['system', 'dark', 'light'] as const;
export type Theme = (typeof THEMES)[number];

/** Written by the switch in the menu too, so it bears its plain name and scripts may read it. */
const THEME_COOKIE = 'theme';

const themeOf = (ctx: Ctx): Theme => {
  const chosen = ctx.cookies.get(THEME_COOKIE);
  return THEMES.find((theme) => theme === chosen) ?? 'system';
};

/** A setting of the browser, kept for a year. */
export function writeTheme(ctx: Ctx, theme: Theme): void {
  ctx.append('Set-Cookie', `${THEME_COOKIE}=${theme}; Path=/; Max-Age=31536000; SameSite=Lax`);
}

/** What the layout shows around each page: one cached setting, and one row of whoever is signed in. */
export async function loadPageState(
  ctx: Ctx,
  { em }: Pick<Work, 'em'>,
  viewer: Viewer | null,
  settings: Settings,
): Promise<PageState> {
  const node = await settings.read(em, nodeSettings);
  const account = viewer && (await em.findOne(Account, viewer.id));
  return {
    node: { name: node.name, description: node.description },
    path: ctx.path,
    theme: themeOf(ctx),
    signUp: (node.signUpMode === 'open' || node.signUpMode === 'approval') && (await hasContact(em, settings)),
    viewer:
      viewer && account
        ? {
            id: viewer.id,
            name: viewer.name,
            displayName: account.displayName || account.name,
            avatarUrl: avatarUrl(account),
            // nobody waits for those who let everybody in
            ...(account.isLocked ? { waitingCount: await countFollowRequests(em, account.id) } : {}),
            can: {
              moderate: can(viewer, 'moderateContent'),
              administer: isAccountStaff(viewer) || can(viewer, 'manageSettings'),
              generate: can(viewer, 'generate'),
              train: can(viewer, 'train'),
              publish: can(viewer, 'publish'),
            },
          }
        : null,
  };
}
