import { rows, toDate, toNumber } from '../../../kit/database/sql.ts';
import { likenessDistance } from '../../../kit/storage/images-turn.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Viewer, Work } from '../../../kit/work.ts';
import { countTags, type TagCount, tagsOf } from '../captions.ts';
import { partShape } from '../crop.ts';
import { type Dataset, DatasetItem } from '../model.ts';
import { type NoteView, noteViews } from '../notes/view.ts';

/** Bits of 64 in which pictures that look the same may differ. */
const MOST_DISTANCE = 4;
/** A short side under this gives less than the smallest usual resolution asks for. */
const SMALL_PX = 512;
const FLAT = '0'.repeat(16);

export interface ItemView {
  readonly id: string;
  readonly name: string;
  readonly src: string;
  readonly turnedSrc: string;
  readonly editUrl: string;
  readonly actUrl: string;
  /** Of the part that is trained on. */
  readonly width: number;
  readonly height: number;
  readonly caption: string;
  readonly repeats: number;
  readonly isCropped: boolean;
  /** What its owner should look at. */
  readonly flags: readonly string[];
  /** Hints for later checks. */
  readonly notes: readonly NoteView[];
}

export interface DatasetView {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly count: number;
  readonly totalBytes: number;
  readonly captionedCount: number;
  readonly updatedAt: Date;
}

export const listItems = ({ em }: Pick<Work, 'em'>, datasetId: string): Promise<DatasetItem[]> =>
  em.find(DatasetItem, { dataset: datasetId, deletedAt: null }, { orderBy: { position: 1, id: 1 } });

export function datasetView(dataset: Dataset, items: readonly DatasetItem[]): DatasetView {
  return {
    ...{ id: dataset.id, name: dataset.name, url: `/datasets/${dataset.id}`, count: items.length },
    totalBytes: items.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    captionedCount: items.filter(({ caption }) => caption !== '').length,
    updatedAt: dataset.updatedAt,
  };
}

/** With what stands out: small parts, and pictures that look like an earlier one. */
export function itemViews(items: readonly DatasetItem[]): ItemView[] {
  return items.map((item, n) => {
    const { width, height } = partShape(item);
    const twin = items
      .slice(0, n)
      .find((other) => item.likeness !== FLAT && likenessDistance(item.likeness, other.likeness) <= MOST_DISTANCE);
    const actUrl = `/dataset-images/${item.id}`;
    return {
      ...{ id: item.id, name: item.fileName, width, height, caption: item.caption, repeats: item.repeats, actUrl },
      // what it shows changes with its part: the address too, so that no browser shows the old one
      src: `${actUrl}/thumb.webp?v=${item.thumbSha256?.slice(0, 8)}`,
      turnedSrc: `${actUrl}/turned.webp?v=${item.rotation}`,
      editUrl: actUrl,
      isCropped: item.crop != null,
      notes: noteViews(item),
      flags: [
        ...(item.heldAt == null ? [] : [t('dataset.flag.held')]),
        ...(Math.min(width, height) < SMALL_PX ? [t('dataset.flag.small', { width, height })] : []),
        ...(twin ? [t('dataset.flag.twin', { name: twin.fileName })] : []),
      ],
    };
  });
}

export interface CaptionsView {
  readonly items: readonly ItemView[];
  readonly tags: readonly TagCount[];
  readonly uncaptionedCount: number;
}

export function captionsView(items: readonly DatasetItem[], tag: string): CaptionsView {
  const has = (caption: string): boolean => tagsOf(caption).some((one) => one.toLowerCase() === tag.toLowerCase());
  return {
    items: itemViews(items).filter(({ caption }) => tag === '' || has(caption)),
    tags: countTags(items.map(({ caption }) => caption)).slice(0, 200),
    uncaptionedCount: items.filter(({ caption }) => caption === '').length,
  };
}

interface DatasetRow {
  id: string;
  name: string;
  updated_at: unknown;
  n: unknown;
  bytes: unknown;
  captioned: unknown;
  cover: string | null;
}

export interface DatasetCard extends DatasetView {
  readonly coverSrc: string | null;
}

export async function listDatasets({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<DatasetCard[]> {
  const found = await rows<DatasetRow>(
    em,
    `select d.id, d.name, d.updated_at, count(i.id) as n, sum(i.total_bytes) as bytes,
       sum(case when i.caption <> '' then 1 else 0 end) as captioned,
       (select f.id from dataset_item f where f.dataset_id = d.id and f.deleted_at is null order by f.position, f.id limit 1) as cover
     from dataset d left join dataset_item i on i.dataset_id = d.id and i.deleted_at is null
     where d.owner_id = ? and d.deleted_at is null group by d.id, d.name, d.updated_at order by d.updated_at desc, d.id desc`,
    [viewer.id],
  );
  return found.map((row) => ({
    ...{ id: row.id, name: row.name, url: `/datasets/${row.id}`, count: toNumber(row.n) },
    ...{ totalBytes: toNumber(row.bytes), captionedCount: toNumber(row.captioned) },
    updatedAt: toDate(row.updated_at),
    coverSrc: row.cover ? `/dataset-images/${row.cover}/thumb.webp` : null,
  }));
}
