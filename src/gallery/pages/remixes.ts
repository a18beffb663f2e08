import type { EntityManager } from '@mikro-orm/core';
import { handle } from '../../accounts/model.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { accessParameters, IMAGE_ACCESS, type ImageAccessRow, imageVerdict } from '../access.ts';
import { hiddenCondition } from '../hidden.ts';
import { type Eyes, OWNER_COLUMNS, type OwnerRow } from '../views.ts';

export interface RemixedView {
  readonly id: number;
  readonly url: string;
  /** `@ada`, or `@ada@other.example`. */
  readonly by: string;
}

/** What a picture is a remix of; null where that is gone, or not for this viewer. */
export async function findRemixed(
  em: EntityManager,
  viewer: Viewer | null,
  eyes: Eyes,
  imageId: number | null,
): Promise<RemixedView | null> {
  if (imageId === null) return null;
  const hidden = hiddenCondition('image', 'i', eyes);
  const [row] = await rows<ImageAccessRow & OwnerRow>(
    em,
    `select ${IMAGE_ACCESS}, ${OWNER_COLUMNS} from image i join post p on p.id = i.post_id
       join account a on a.id = i.owner_id
     where i.id = ? and (i.level & ?) <> 0 ${hidden ? `and ${hidden.sql}` : ''}`,
    [...accessParameters(viewer), imageId, eyes.levels, ...(hidden?.values ?? [])],
  );
  if (!row || row.access_talk_kind !== null || !imageVerdict(row, viewer).allowed) return null;
  return { id: imageId, url: `/images/${imageId}`, by: handle({ name: row.owner_name, host: row.host }) };
}

/** Rows `image i` that are others' remixes of this picture, for whoever browses its own rating. Takes its id and levels. */
export const IS_REMIX = `i.remix_of_id = ? and exists (select 1 from image o
  where o.id = i.remix_of_id and o.owner_id <> i.owner_id and (o.level & ?) <> 0)`;

/** The public ones, for these eyes: as many as their list holds. */
export async function countRemixes(em: EntityManager, eyes: Eyes, imageId: number): Promise<number> {
  const hidden = hiddenCondition('image', 'i', eyes);
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from image i where i.listed_at is not null and (i.level & ?) <> 0 and ${IS_REMIX}
       ${hidden ? `and ${hidden.sql}` : ''}`,
    [eyes.levels, imageId, eyes.levels, ...(hidden?.values ?? [])],
  );
  return toNumber(found?.n);
}
