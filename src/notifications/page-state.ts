import type { PageState } from '../kit/web/views.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { countUnread } from './list.ts';

/** What the bell says on each page. */
export async function addUnread(page: PageState, { em }: Pick<Work, 'em'>, viewer: Viewer | null): Promise<PageState> {
  if (!page.viewer || !viewer) return page;
  return { ...page, viewer: { ...page.viewer, unreadCount: await countUnread(em, viewer.id) } };
}
