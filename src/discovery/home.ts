import { z } from 'zod';
import { eyesOf } from '../gallery/views.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { FEED_SCOPES, type FeedItem, type FeedScope, listFeed } from './feed.ts';
import { moreUrlOf, type TabView } from './lists/address.ts';
import { cursor } from './lists/fields.ts';

export const FeedQuery = z.object({ scope: z.enum(FEED_SCOPES).optional().catch(undefined), cursor });

export interface HomePage {
  readonly scopes: readonly TabView[];
  readonly items: readonly FeedItem[];
  readonly moreUrl: string;
  /** A visitor's first page begins by saying what this is. */
  readonly welcome: boolean;
  readonly emptyTitle: string;
  readonly emptyText: string;
  readonly emptyLabel: string;
  readonly emptyHref: string;
  readonly page: PageHead;
}

export async function loadHomePage(
  work: Pick<Work, 'em' | 'viewer'>,
  query: z.output<typeof FeedQuery>,
): Promise<HomePage> {
  const { em, viewer } = work;
  const chosen: FeedScope = query.scope ?? (viewer ? 'following' : 'here');
  const isPersonal = (name: FeedScope) => name === 'following' || name === 'named';
  const current = isPersonal(chosen) && !viewer ? 'here' : chosen;
  const { items, nextCursor } = await listFeed(em, await eyesOf(work.em, work.viewer), {
    scope: current,
    viewerId: viewer?.id ?? null,
    cursor: query.cursor,
  });
  const empty = isPersonal(current) ? current : 'here';
  return {
    scopes: FEED_SCOPES.filter((name) => viewer || !isPersonal(name)).map((name) => ({
      label: t(`feed.${name}`),
      href: `/?scope=${name}`,
      current: name === current,
    })),
    items,
    moreUrl: moreUrlOf('/', { scope: current }, nextCursor),
    welcome: !viewer && !query.cursor,
    emptyTitle: t(`feed.empty-${empty}`),
    emptyText: t(`feed.empty-${empty}-text`),
    emptyLabel: viewer ? t(empty === 'here' ? 'nav.upload' : 'feed.find-people') : '',
    emptyHref: viewer ? (empty === 'here' ? '/upload' : '/search?kind=people') : '',
    // what one follows is one’s own affair
    page: {
      feeds: (['here', 'known'] as const).map((name) => ({ title: t(`feed.${name}`), href: `/feeds/${name}.atom` })),
    },
  };
}
