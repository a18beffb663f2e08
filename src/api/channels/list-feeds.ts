import { listLastCollected } from '../../discovery/collection.ts';
import { type FeedItem, listFeed } from '../../discovery/feed.ts';
import { listImagesOf } from '../../discovery/lists/images.ts';
import { listModelsOf } from '../../discovery/lists/models.ts';
import { labelsOf, plainQuery, readSaved } from '../../discovery/saved/search.ts';
import { listBounties } from '../../economy/bounties/list.ts';
import { loadRules } from '../../economy/bounties/open.ts';
import { assertSeesCollection } from '../../gallery/collections/access.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { t, tCount } from '../../kit/web/messages.ts';
import type { Ask } from '../operation/define.ts';
import { loadItems } from '../v1/images/items.ts';
import { ImagesQuery } from '../v1/images/query.ts';
import { loadModels } from '../v1/models/views.ts';
import type { AtomEntry, AtomFeed } from './atom.ts';
import { type FeedKind, imageEntry, modelEntry } from './feeds.ts';

// Feeds of what the pages list, as a visitor sees it: each at the address of its page, under /feeds.

const ENTRIES = 30;
const START = new Date(0).toISOString();

const whole = (feed: Omit<AtomFeed, 'updatedAt'>): AtomFeed => ({
  ...feed,
  updatedAt:
    feed.entries
      .map(({ updatedAt }) => updatedAt)
      .sort()
      .at(-1) ?? START,
});

/** The newest of `/models` or `/images` with the filters of their addresses. Throws `not_found` for what nobody may see. */
export async function loadFilteredFeed(ask: Ask, kind: FeedKind, cursor: string | undefined): Promise<AtomFeed> {
  const { origin, url, eyes } = ask;
  const saved = readSaved(kind, url.search);
  const place = { sort: 'newest' as const, cursor };
  const { items, nextCursor } =
    saved.kind === 'models'
      ? await listModelsOf(ask, eyes, { ...saved.query, ...place }, await reachOf(ask))
      : await listImagesOf(ask, eyes, { ...saved.query, ...place }, { limit: ENTRIES });
  const ids = items.map(({ id }) => id);
  const entries =
    kind === 'models'
      ? (await loadModels(ask, ids, { levels: eyes.levels })).map((model) => modelEntry(model, origin))
      : (await loadItems(ask, ids, ImagesQuery.parse({}))).map((image) => imageEntry(image, origin));
  const next = new URL(url);
  if (nextCursor !== null) next.searchParams.set('cursor', nextCursor);
  return whole({
    title: [t(`feeds.${kind}`), ...labelsOf(saved)].join(' · '),
    url: url.href,
    pageUrl: `${origin}/${kind}?${plainQuery(saved)}`,
    nextUrl: nextCursor === null ? null : next.href,
    entries,
  });
}

const reachOf = async (ask: Ask) => ({ limit: ENTRIES, reach: await ask.deps.findReach(ask) });

/** New models and posts, of this node or of all that it knows. */
export async function loadHomeFeed(ask: Ask, scope: 'here' | 'known', cursor: string | undefined): Promise<AtomFeed> {
  const { em, eyes, origin, url } = ask;
  const { items, nextCursor } = await listFeed(em, eyes, { scope, viewerId: null, cursor, limit: ENTRIES });
  const next = new URL(url);
  if (nextCursor !== null) next.searchParams.set('cursor', nextCursor);
  return whole({
    ...{ title: t(`feed.${scope}`), url: url.href, pageUrl: `${origin}/?scope=${scope}` },
    nextUrl: nextCursor === null ? null : next.href,
    entries: items.map((item) => itemEntry(item, origin)),
  });
}

/** What was put into a collection last. Throws as its page does. */
export async function loadCollectionFeed(ask: Ask, id: number): Promise<AtomFeed> {
  const { em, eyes, origin } = ask;
  const { collection } = await assertSeesCollection(em, null, id);
  const items = await listLastCollected(em, eyes, id, ENTRIES);
  const pageUrl = `${origin}/collections/${id}`;
  return whole({
    ...{ title: collection.name, url: `${origin}/feeds/collections/${id}.atom`, pageUrl, nextUrl: null },
    entries: items.map((item) => itemEntry(item, origin)),
  });
}

const itemEntry = (item: FeedItem, origin: string): AtomEntry => ({
  title: item.title || t('feeds.post-by', { name: item.ownerName }),
  url: origin + item.url,
  updatedAt: item.listedAt,
  ...{ author: item.ownerName, authorUrl: origin + item.ownerUrl },
  html: item.picture ? `<p><img src="${escapeHtml(origin + item.src)}" alt=""></p>` : '',
});

/** Bounties that are open. Throws `not_found` where credits are off. */
export async function loadBountyFeed(ask: Ask): Promise<AtomFeed> {
  const { origin } = ask;
  await loadRules(ask, ask.deps.economy.settings);
  const { items } = await listBounties(ask, { show: 'open', kind: '', before: '' });
  return whole({
    ...{ title: t('bounty.title'), url: `${origin}/feeds/bounties.atom`, pageUrl: `${origin}/bounties`, nextUrl: null },
    entries: items.map(({ title, url, postedAt, owner, pot, kind, deadlineAt }) => ({
      ...{ title, url: origin + url, updatedAt: postedAt },
      ...{ author: owner.displayName || owner.name, authorUrl: origin + owner.url },
      html: `<p>${escapeHtml([t(`bounty.kind-${kind}`), tCount('credits.n', pot), t('bounty.until', { when: deadlineAt.slice(0, 10) })].join(' · '))}</p>`,
    })),
  });
}
