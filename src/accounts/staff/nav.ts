import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';
import type { AdminLink } from '../deps.ts';
import { can } from '../permissions.ts';

const OWN: readonly AdminLink[] = [
  { label: 'admin.node', href: '/admin/node', icon: 'settings', permission: 'manageSettings' },
  { label: 'admin.accounts', href: '/admin/accounts', icon: 'users', permission: 'moderateAccounts' },
  { label: 'admin.sign-ups', href: '/admin/sign-ups', icon: 'user-plus', permission: 'approveSignUps' },
  { label: 'admin.invites', href: '/admin/invites', icon: 'link', permission: 'invite' },
  { label: 'admin.mail', href: '/admin/mail', icon: 'mail', permission: 'owner' },
];

export interface SideNav {
  readonly label: string;
  readonly items: readonly { label: string; href: string; icon: string; current: boolean; count?: number }[];
}

/** The pages under `/admin` that the viewer may open: ours, and `further` of the rooms above. */
export function adminNav(
  viewer: Viewer | null,
  path: string,
  further: readonly AdminLink[],
  waitingCount = 0,
): SideNav {
  const items = [...OWN, ...further]
    .filter(({ permission }) => can(viewer, permission))
    .map(({ label, href, icon }) => ({
      label: t(label),
      href,
      icon,
      current: path === href || path.startsWith(`${href}/`),
      ...(href === '/admin/sign-ups' && waitingCount > 0 ? { count: waitingCount } : {}),
    }));
  return { label: t('nav.admin'), items };
}
