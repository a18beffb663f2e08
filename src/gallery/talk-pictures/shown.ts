import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { highestLevel, RATING, RATINGS, ratingLabel, VISITOR_LEVELS } from '../../safety/ratings.ts';
import { SHUT } from '../../safety/standing.ts';
import { eyesOf, PICTURE_COLUMNS, type PictureRow, type PictureView, pictureView } from '../views.ts';
import { MOST_PICTURES, type TalkKind } from './hold.ts';

/** What stands with words, for one person. */
export interface TalkPictures {
  readonly items: readonly (PictureView & { readonly level: number })[];
  /** Those that their ratings leave out. */
  readonly hiddenCount: number;
}

export const NO_PICTURES: TalkPictures = { items: [], hiddenCount: 0 };

interface Row extends PictureRow {
  talk_id: string;
  owner_id: number;
}

/**
 * The pictures of words whose ids a condition over `p.talk_id` names, by those ids. Whether this viewer sees the words the
 * caller has judged. One query where there are none.
 */
export async function listTalkPictures(
  { em, viewer }: { readonly em: EntityManager; readonly viewer: Viewer | null },
  kind: TalkKind,
  ids: { readonly sql: string; readonly values: readonly Parameter[] },
): Promise<ReadonlyMap<string, TalkPictures>> {
  const found = await rows<Row>(
    em,
    `select p.talk_id, i.owner_id, ${PICTURE_COLUMNS} from post p join image i on i.post_id = p.id
     where p.talk_kind = '${kind}' and p.talk_id ${ids.sql} and i.deleted_at is null and i.level > 0 and i.level < ${RATING.blocked}
       and not exists (select 1 from policy_state s where (s.restrictions & ${SHUT}) <> 0
         and ((s.target_kind = 'image' and s.target_id = i.id) or (s.target_kind = 'account' and s.target_id = i.owner_id)))
     order by p.talk_id, i.position, i.id`,
    [...ids.values],
  );
  const byId = new Map<string, { items: (PictureView & { level: number })[]; hiddenCount: number }>();
  if (found.length === 0) return byId;
  const eyes = viewer ? await eyesOf(em, viewer) : { levels: VISITOR_LEVELS, blurLevels: 0 };
  for (const row of found) {
    const pictures = byId.get(row.talk_id) ?? { items: [], hiddenCount: 0 };
    const isOwn = viewer?.id === row.owner_id;
    const view = pictureView(row, isOwn ? { ...eyes, blurLevels: 0 } : eyes);
    if (isOwn || (row.image_level & eyes.levels) !== 0) pictures.items.push({ ...view, level: row.image_level });
    else pictures.hiddenCount += 1;
    byId.set(row.talk_id, pictures);
  }
  return byId;
}

/** Of one thing that somebody says. */
export async function loadTalkPictures(
  asked: { readonly em: EntityManager; readonly viewer: Viewer | null },
  kind: TalkKind,
  id: string,
): Promise<TalkPictures> {
  return (await listTalkPictures(asked, kind, { sql: '= ?', values: [id] })).get(id) ?? NO_PICTURES;
}

/** As `talk-pictures.njk` draws the part of a form that pictures are chosen in. */
export interface PicturesField {
  readonly most: number;
  readonly ratings: readonly { readonly value: string; readonly label: string }[];
  readonly rating: string;
  /** Here already: of the words as they are, or of a form that was refused. */
  readonly kept: readonly PictureView[];
  /** Of the whole form, by its fields. */
  readonly errors: Readonly<Record<string, string>>;
}

/** An empty one; `kept` are those that the words have. */
export function picturesField(
  kind: TalkKind,
  kept: readonly PictureView[] = [],
  levels: number = RATING.pg,
  errors: PicturesField['errors'] = {},
): PicturesField {
  return {
    ...{ most: MOST_PICTURES[kind], kept, errors },
    ratings: RATINGS.map((level) => ({ value: String(level), label: ratingLabel(level) })),
    rating: String(highestLevel(levels) || RATING.pg),
  };
}
