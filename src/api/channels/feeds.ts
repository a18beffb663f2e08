import { tagIdsOf } from '../../discovery/lists/conditions.ts';
import { AppError } from '../../kit/errors.ts';
import { escapeHtml } from '../../kit/web/filters.ts';
import { t } from '../../kit/web/messages.ts';
import { ALL_LEVELS } from '../../safety/ratings.ts';
import type { Ask } from '../operation/define.ts';
import { listImages } from '../v1/images/list.ts';
import { ImagesQuery } from '../v1/images/query.ts';
import { listModels } from '../v1/models/list.ts';
import { ModelsQuery } from '../v1/models/query.ts';
import { findAccountId } from '../v1/people.ts';
import type { ImageItem, Model } from '../v1/shapes.ts';
import type { AtomEntry, AtomFeed } from './atom.ts';

export type FeedKind = 'models' | 'images';
/** Whose, or with which tag; neither is everything. */
export interface FeedOf {
  readonly name?: string;
  readonly tag?: string;
}

const ENTRIES = 30;

/** The newest of a list, as the API gives it to everybody. Throws `not_found` for who or what is not here. */
export async function loadFeed(ask: Ask, kind: FeedKind, of: FeedOf, cursor: string | undefined): Promise<AtomFeed> {
  const { origin, url } = ask;
  const tagId = of.tag === undefined ? null : await findTagId(ask, of.tag);
  if (of.name !== undefined && (await findAccountId(ask, of.name)) === 0) throw nothing();
  const common = { sort: 'Newest', limit: String(ENTRIES), username: of.name, cursor };
  const { entries, nextCursor } =
    kind === 'models'
      ? entriesOf(await listModels(ask, ModelsQuery.parse({ ...common, nsfw: 'true', tag: of.tag })), (model) =>
          modelEntry(model, origin),
        )
      : entriesOf(
          await listImages(
            ask,
            ImagesQuery.parse({
              ...common,
              browsingLevel: String(ALL_LEVELS),
              tags: tagId === null ? undefined : String(tagId),
            }),
          ),
          (image) => imageEntry(image, origin),
        );
  const next = new URL(url);
  if (nextCursor !== undefined) next.searchParams.set('cursor', nextCursor);
  const what = t(`feeds.${kind}`);
  return {
    title: of.name ? t('feeds.by', { what, name: of.name }) : of.tag ? t('feeds.tagged', { what, tag: of.tag }) : what,
    url: url.href,
    pageUrl: origin + pagePathOf(kind, of),
    nextUrl: nextCursor === undefined ? null : next.href,
    updatedAt: entries[0]?.updatedAt ?? new Date(0).toISOString(),
    entries,
  };
}

function entriesOf<Item>(
  { items, metadata }: { items: readonly Item[]; metadata: { nextCursor?: string | undefined } },
  entryOf: (item: Item) => AtomEntry,
) {
  return { entries: items.map(entryOf), nextCursor: metadata.nextCursor };
}

const nothing = () => new AppError('not_found', 'There is no such feed.');

async function findTagId({ em }: Ask, name: string): Promise<number> {
  const [tagId = -1] = await tagIdsOf(em, [name.toLowerCase()]);
  if (tagId < 0) throw nothing();
  return tagId;
}

function pagePathOf(kind: FeedKind, { name, tag }: FeedOf): string {
  if (name !== undefined) return `/@${name}?show=${kind}`;
  return tag === undefined ? `/${kind}` : `/tags/${encodeURIComponent(tag)}?show=${kind}`;
}

export function modelEntry(model: Model, origin: string): AtomEntry {
  const [version] = model.modelVersions;
  const [picture] = version?.images ?? [];
  const facts = [model.type, ...model.baseModels].map(escapeHtml).join(' · ');
  return {
    title: model.name,
    url: `${origin}/models/${model.id}`,
    updatedAt: version?.publishedAt ?? version?.createdAt ?? new Date(0).toISOString(),
    ...authorOf(model.creator?.username ?? '', origin),
    html: `${picture ? pictureHtml(picture) : ''}<p>${facts}</p>${model.description ?? ''}`,
  };
}

export const imageEntry = (image: ImageItem, origin: string): AtomEntry => ({
  title: t('feeds.image-by', { name: image.username }),
  url: `${origin}/images/${image.id}`,
  updatedAt: image.createdAt,
  ...authorOf(image.username, origin),
  html: pictureHtml(image),
});

const authorOf = (username: string, origin: string) => ({ author: username, authorUrl: `${origin}/@${username}` });

const pictureHtml = ({ url, width, height }: Pick<ImageItem, 'url' | 'width' | 'height'>): string =>
  `<p><img src="${escapeHtml(url)}" width="${width}" height="${height}" alt=""></p>`;
