import { z } from 'zod';
import { assertSees } from '../../gallery/access.ts';
import {
  type Eyes,
  eyesOf,
  PICTURE_COLUMNS,
  type PictureRow,
  type PictureView,
  pictureView,
} from '../../gallery/views.ts';
import { rows } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { readPdq } from '../../safety/hashes/gate.ts';
import type { TileView } from '../cards.ts';
import { inOrderOf, listTiles } from '../images.ts';
import { addressOf, type TabView } from '../lists/address.ts';
import { findAlike, findSharing } from './find.ts';

export const WAYS = ['look', 'models'] as const;
type Way = (typeof WAYS)[number];
export const SimilarQuery = z.object({ by: z.enum(WAYS).catch('look') });

export interface SimilarPage {
  readonly imageUrl: string;
  /** What is compared with; null where its rating is not for this viewer. */
  readonly image: PictureView | null;
  readonly tabItems: readonly TabView[];
  readonly items: readonly TileView[];
  readonly by: Way;
  readonly page: PageHead;
}

/** More are found than shown: some are not for this viewer. */
const MOST_FOUND = 400;
const MOST_SHOWN = 60;

/** Throws `not_found`, `gone` or `withheld`, as the page of the picture does. What is found is public, and for these eyes. */
export async function loadSimilarPage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageId: number,
  { by }: z.output<typeof SimilarQuery>,
): Promise<SimilarPage> {
  await assertSees(em, viewer, { kind: 'image', id: imageId });
  const eyes = await eyesOf(em, viewer);
  const { row, ids } = await findSimilar(em, eyes, imageId, by);
  const url = `/images/${imageId}`;
  return {
    imageUrl: url,
    image: row && pictureView(row, eyes),
    tabItems: WAYS.map((way) => ({
      label: t(`similar.${way}`),
      href: addressOf(`${url}/similar`, { by: way }),
      current: way === by,
    })),
    items: await listShown(em, eyes, ids),
    by,
    page: { title: t('similar.title'), noindex: true },
  };
}

interface Similar {
  /** What is compared with; null where its rating is not for these eyes. */
  readonly row: PictureRow | null;
  /** The nearest first, whoever may see them. */
  readonly ids: readonly number[];
}

async function findSimilar(em: Work['em'], eyes: Eyes, imageId: number, by: Way): Promise<Similar> {
  const [row] = await rows<PictureRow & { pdq: string | null }>(
    em,
    `select ${PICTURE_COLUMNS}, i.pdq from image i where i.id = ?`,
    [imageId],
  );
  // who does not browse a picture is not shown what it looks like either
  if (!row || (row.image_level & eyes.levels) === 0) return { row: null, ids: [] };
  const ids = by === 'look' ? await alikeIds(em, row.pdq, imageId) : await findSharing(em, imageId, MOST_FOUND);
  return { row, ids };
}

async function listShown(em: Work['em'], eyes: Eyes, ids: readonly number[]): Promise<TileView[]> {
  if (ids.length === 0) return [];
  const { items } = await listTiles(em, eyes, { ids }, { limit: MOST_FOUND });
  return inOrderOf(ids, items).slice(0, MOST_SHOWN);
}

/** Ids of what the page shows, for these eyes. Throws as `loadSimilarPage`. */
export async function listSimilarIds(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  eyes: Eyes,
  imageId: number,
  by: Way,
): Promise<number[]> {
  await assertSees(em, viewer, { kind: 'image', id: imageId });
  const { ids } = await findSimilar(em, eyes, imageId, by);
  return (await listShown(em, eyes, ids)).map(({ id }) => id);
}

async function alikeIds(em: Work['em'], pdq: string | null, imageId: number): Promise<number[]> {
  const hash = readPdq(pdq ?? '')[0]?.[0];
  if (!hash) return [];
  return (await findAlike(em, hash, MOST_FOUND)).map(({ id }) => id).filter((id) => id !== imageId);
}
