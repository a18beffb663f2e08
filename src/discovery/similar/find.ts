import type { EntityManager } from '@mikro-orm/core';
import { type Parameter, rows } from '../../kit/database/sql.ts';
import { distance, wordsOf } from '../../safety/hashes/pdq.ts';
import { BAND_COLUMNS, bandsOf, beside } from './bands.ts';

/** Up to here two pictures are seen as alike: what the bands find whole (model.ts). */
export const ALIKE_BITS = 31;

/**
 * So many rows of one band are looked at. Of a million pictures a value and the sixteen beside it have
 * some 260; beyond this, thousands of pictures share those bits because they are all but the same one.
 */
const MOST_OF_BAND = 2_000;

export interface Alike {
  readonly id: number;
  /** Bits by which it differs. */
  readonly bits: number;
}

/** Public pictures whose hash differs in at most `ALIKE_BITS`, the nearest first, by one query on sixteen indexes. */
export async function findAlike(em: EntityManager, hash: string, limit: number): Promise<Alike[]> {
  const bands = bandsOf(hash).map(beside);
  const values: Parameter[] = bands.flat();
  const ofBand = (column: string, n: number) => `select * from (select l.image_id, l.hash from image_look l
    where l.${column} in (${(bands[n] ?? []).map(() => '?').join(', ')}) limit ${MOST_OF_BAND}) of_${column}`;
  const found = await rows<{ image_id: number; hash: string }>(
    em,
    BAND_COLUMNS.map(ofBand).join(' union all '),
    values,
  );
  const query = wordsOf(hash);
  const seen = new Set<number>();
  const alike: Alike[] = [];
  for (const row of found) {
    if (seen.has(row.image_id)) continue;
    seen.add(row.image_id);
    const bits = distance(query, 0, wordsOf(row.hash), 0, ALIKE_BITS);
    if (bits <= ALIKE_BITS) alike.push({ id: row.image_id, bits });
  }
  return alike.sort((a, b) => a.bits - b.bits || b.id - a.id).slice(0, limit);
}

/** So many pictures of one version are looked at, the newest first. */
const MOST_OF_VERSION = 400;

/**
 * Pictures made with the same versions, those that share most of them first, then the newest. A version that everybody
 * uses says little, so of each only its newest pictures count. What an author keeps back of how a picture was made is not
 * told this way either.
 */
export async function findSharing(em: EntityManager, imageId: number, limit: number): Promise<number[]> {
  const versions = await rows<{ version_id: number }>(
    em,
    `select distinct r.version_id from resource_use r join model_version v on v.id = r.version_id
       join model m on m.id = v.model_id join image i on i.id = r.image_id and not i.is_recipe_hidden
     where r.image_id = ? and v.state = 'published' and m.listed_at is not null limit 8`,
    [imageId],
  );
  if (versions.length === 0) return [];
  const ofVersion = versions.map(
    (_, n) => `select * from (select distinct r.image_id from resource_use r where r.version_id = ?
      order by r.image_id desc limit ${MOST_OF_VERSION}) of_${n}`,
  );
  const found = await rows<{ id: number }>(
    em,
    `select u.image_id as id from (${ofVersion.join(' union all ')}) u
       join image i on i.id = u.image_id and not i.is_recipe_hidden where u.image_id <> ?
     group by u.image_id order by count(*) desc, u.image_id desc limit ?`,
    [...versions.map(({ version_id }) => version_id), imageId, limit],
  );
  return found.map(({ id }) => id);
}
