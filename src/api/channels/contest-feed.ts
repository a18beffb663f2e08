import { listContests } from '../../gallery/contests/list.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ask } from '../operation/define.ts';
import type { AtomFeed } from './atom.ts';

/** The public contests that are open or open soon. */
export async function loadContestFeed(ask: Ask): Promise<AtomFeed> {
  const { items } = await listContests(ask, { show: 'open', after: '' });
  const { origin } = ask;
  const entries = items.map(({ name, url, opensAt, closesAt, owner, state }) => ({
    ...{ title: name, url: origin + url, updatedAt: opensAt },
    ...{ author: owner.displayName || owner.name, authorUrl: origin + owner.url },
    html: `<p>${escapeHtml(t(`contest.state-${state}`))}: ${opensAt} – ${closesAt}</p>`,
  }));
  const newest = entries
    .map(({ updatedAt }) => updatedAt)
    .sort()
    .at(-1);
  return {
    ...{ title: t('contest.feed'), url: `${origin}/feeds/contests.atom`, pageUrl: `${origin}/contests`, nextUrl: null },
    ...{ updatedAt: newest ?? new Date(0).toISOString(), entries },
  };
}
