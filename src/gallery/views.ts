import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../kit/database/sql.ts';
import type { Viewer } from '../kit/work.ts';
import { ratingLabel, VISITOR_LEVELS } from '../safety/ratings.ts';

/** An account as `avatar.njk` draws it. */
export interface OwnerView {
  readonly name: string;
  readonly displayName: string;
  readonly host: string;
  readonly url: string;
  readonly avatarUrl: string | null;
}

/** Columns that pages read of an account, under the alias `a`. */
export const OWNER_COLUMNS = 'a.id as owner_id, a.name as owner_name, a.display_name, a.host, a.avatar_sha256';

export interface OwnerRow {
  owner_id: number;
  owner_name: string;
  display_name: string;
  host: string;
  avatar_sha256: string | null;
}

export const ownerView = (row: OwnerRow): OwnerView => ({
  name: row.owner_name,
  displayName: row.display_name,
  host: row.host,
  url: row.host === '' ? `/@${row.owner_name}` : `/@${row.owner_name}@${row.host}`,
  avatarUrl: row.avatar_sha256 ? `/media/avatars/${row.owner_id}/${row.avatar_sha256}.webp` : null,
});

/** Which ratings a person browses, and which of them lie behind a veil. */
export interface Eyes {
  readonly levels: number;
  readonly blurLevels: number;
  /** Whose hidden things are left out of lists; absent where nothing is hidden. */
  readonly hidesFor?: number;
}

/** The same for what is the viewer's own, which is never hidden from them. */
export const hidingNothing = ({ levels, blurLevels }: Eyes): Eyes => ({ levels, blurLevels });

const EYES_SQL = `select a.blur_levels, case when exists (select 1 from hidden h where h.account_id = a.id)
    or exists (select 1 from block b where b.account_id = a.id) then 1 else 0 end as hides
  from account a where a.id = ?`;

export async function eyesOf(em: EntityManager, viewer: Viewer | null): Promise<Eyes> {
  if (!viewer) return { levels: VISITOR_LEVELS, blurLevels: 0 };
  const [row] = await rows<{ blur_levels: number; hides: unknown }>(em, EYES_SQL, [viewer.id]);
  const eyes = { levels: viewer.levels, blurLevels: row?.blur_levels ?? 0 };
  return toNumber(row?.hides) > 0 ? { ...eyes, hidesFor: viewer.id } : eyes;
}

/** A picture as `picture.njk` draws it. */
export interface PictureView {
  readonly id: number;
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly blur: string;
  readonly alt: string;
  readonly sensitive: boolean;
  /** `R`; empty while it is not rated. */
  readonly rating: string;
}

export interface PictureRow {
  image_id: number;
  width: number;
  height: number;
  placeholder: string;
  alt_text: string;
  image_level: number;
}

/** Columns that pages read of a picture, under the alias `i`. */
export const PICTURE_COLUMNS = 'i.id as image_id, i.width, i.height, i.placeholder, i.alt_text, i.level as image_level';

export const pictureView = (row: PictureRow, eyes: Eyes, url = `/images/${row.image_id}`): PictureView => ({
  id: row.image_id,
  url,
  width: row.width,
  height: row.height,
  blur: row.placeholder,
  alt: row.alt_text,
  sensitive: (row.image_level & eyes.blurLevels) !== 0,
  rating: row.image_level === 0 ? '' : ratingLabel(row.image_level),
});
