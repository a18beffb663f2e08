import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { AdminLink } from '../deps.ts';
import { can } from '../permissions.ts';
import { countWaiting } from './queries.ts';

const OWN: readonly AdminLink[] = [
  { label: 'admin.node', href: '/admin/node', icon: 'settings', permission: 'manageSettings' },
  { label: 'admin.accounts', href: '/admin/accounts', icon: 'users', permission: 'moderateAccounts' },
  {
    ...{ label: 'admin.sign-ups', href: '/admin/sign-ups', icon: 'user-plus', permission: 'approveSignUps' },
    count: countWaiting,
  },
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
  counts: ReadonlyMap<string, number> = new Map(),
): SideNav {
  const links = linksOf(viewer, further);
  // one page may lie below another: the longest address that fits is the page
  const [here] = links
    .map(({ href }) => href)
    .filter((href) => path === href || path.startsWith(`${href}/`))
    .sort((one, other) => other.length - one.length);
  const items = links.map(({ label, href, icon }) => ({
    label: t(label),
    href,
    icon,
    current: href === here,
    ...(counts.get(href) ? { count: counts.get(href) ?? 0 } : {}),
  }));
  return { label: t('nav.admin'), items };
}

const linksOf = (viewer: Viewer | null, further: readonly AdminLink[]): AdminLink[] =>
  [...OWN, ...further].filter(({ permission }) => can(viewer, permission));

/** What waits behind each of the links that the viewer may open. */
export async function countAll(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  further: readonly AdminLink[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { href, count } of linksOf(viewer, further)) if (count) counts.set(href, await count({ em }));
  return counts;
}
