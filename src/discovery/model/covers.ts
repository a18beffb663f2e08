import { accessParameters, POST_AUDIENCE } from '../../gallery/access.ts';
import { type Eyes, PICTURE_COLUMNS, type PictureRow, type PictureView, pictureView } from '../../gallery/views.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { ModelRow } from './rows.ts';

const MAX_COVERS = 8;

export type Cover = PictureView & { readonly isPublic: boolean };

/** Pictures that the owner posted to this version, in their order, as far as they are for this viewer. */
export async function listCovers(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  model: ModelRow,
  versionId: number,
  eyes: Eyes,
): Promise<Cover[]> {
  const found = await rows<PictureRow & { listed_at: unknown }>(
    em,
    `select ${PICTURE_COLUMNS}, i.listed_at from post p join image i on i.post_id = p.id
     where p.version_id = ? and p.owner_id = ? and i.shown_at is not null and (i.level & ?) <> 0
       and (i.listed_at is not null or ${POST_AUDIENCE})
     order by p.id, i.position limit ${MAX_COVERS}`,
    [versionId, model.owner_id, eyes.levels, ...accessParameters(viewer)],
  );
  return found.map((row) => ({ ...pictureView(row, eyes), isPublic: row.listed_at != null }));
}
