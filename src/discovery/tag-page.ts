import { z } from 'zod';
import { can } from '../accounts/permissions.ts';
import { Tag } from '../catalogue/model.ts';
import { listSynonyms } from '../gallery/tags/synonyms.ts';
import { findTagText } from '../gallery/tags/text.ts';
import { loadTopicFollow, type TopicFollowView } from '../gallery/topics/follow.ts';
import { isTagKnown } from '../gallery/topics/topic.ts';
import { eyesOf } from '../gallery/views.ts';
import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { listModelCards, type ModelCardView, type TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { FEEDS, feedsOf, moreUrlOf, type TabView } from './lists/address.ts';
import { cursor } from './lists/fields.ts';

export const TagQuery = z.object({
  show: z.enum(['models', 'images']).optional().catch(undefined),
  cursor,
});

export interface TagPage {
  readonly name: string;
  /** What moderators say about it; Markdown. */
  readonly text: string;
  readonly synonyms: readonly string[];
  /** Where they say it; '' for everybody else. */
  readonly editUrl: string;
  readonly follow: TopicFollowView | null;
  readonly tabItems: readonly TabView[];
  readonly models: readonly ModelCardView[] | null;
  readonly images: readonly TileView[] | null;
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** Throws `not_found` for a tag that nothing public bears: what others call their private things is theirs. */
export async function loadTagPage(
  work: Pick<Work, 'em' | 'viewer'>,
  name: string,
  { show: asked, cursor: place }: z.output<typeof TagQuery>,
): Promise<TagPage> {
  const found = await work.em.findOne(Tag, { name: name.toLowerCase() });
  if (!found || !(await isTagKnown(work.em, found.id))) throw new AppError('not_found', 'There is no such tag.');
  const eyes = await eyesOf(work.em, work.viewer);
  const text = await findTagText(work.em, found.id);
  const path = `/tags/${encodeURIComponent(found.name)}`;
  const one = { tagId: found.id };
  const cards = asked === 'images' ? null : await listModelCards(work.em, eyes, one, { cursor: place });
  // who did not say which is shown what there is
  const show = asked ?? (cards?.items.length === 0 ? 'images' : 'models');
  const models = show === 'models' ? cards : null;
  const images = show === 'images' ? await listTiles(work.em, eyes, one, { cursor: place }) : null;
  return {
    name: found.name,
    text: text?.text ?? '',
    synonyms: await listSynonyms(work.em, found.id),
    editUrl: can(work.viewer, 'moderateContent') ? `${path}/edit` : '',
    follow: await loadTopicFollow(work.em, work.viewer, 'tag', found.id),
    tabItems: (['models', 'images'] as const).map((kind) => ({
      label: t(`tag.${kind}`),
      href: `${path}?show=${kind}`,
      current: kind === show,
    })),
    models: models?.items ?? null,
    images: images?.items ?? null,
    moreUrl: moreUrlOf(path, { show }, models?.nextCursor ?? images?.nextCursor ?? null),
    page: {
      title: `#${found.name}`,
      canonical: path,
      feeds: feedsOf(`/feeds/tags/${encodeURIComponent(found.name)}`, FEEDS),
    },
  };
}
