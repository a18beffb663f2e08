import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { BountyAsked } from '../../safety/bounty.ts';

const MOST_REFERENCES = 6;

/** Addresses of pictures of this node, one a line, as ids; null for what is none. */
function readReferences(text: string): number[] | null {
  const lines = text.split(/\s+/).filter((line) => line !== '');
  const ids = lines.map((line) =>
    Number(/^(?:https?:\/\/[^/\s]+)?\/?(?:images\/)?([1-9]\d{0,9})$/.exec(line)?.[1] ?? 0),
  );
  if (ids.some((id) => id === 0 || id > 2_147_483_647)) return null;
  return [...new Set(ids)];
}

type Reference = BountyAsked['references'][number];

interface Row {
  id: number;
  sha256: string | null;
  is_made: unknown;
  is_claimed: unknown;
  has_person: unknown;
}

/**
 * What pictures that a bounty or an entry leans on say of themselves, for the gate. One made with a model of a real
 * person counts as a photograph of one.
 */
export async function provenanceOf(em: EntityManager, imageIds: readonly number[]): Promise<Reference[]> {
  if (imageIds.length === 0) return [];
  const found = await rows<Row>(
    em,
    `select i.id, i.sha256, case when i.generation_id is not null then 1 else 0 end as is_made,
       i.has_recipe as is_claimed, case when exists (select 1 from resource_use r join model m on m.id = r.model_id
         where r.image_id = i.id and m.is_poi = ?) then 1 else 0 end as has_person
     from image i where i.id in (${inList(imageIds)}) order by i.id`,
    [true, ...imageIds],
  );
  return found.map(({ sha256, is_made: made, is_claimed: claimed, has_person: person }) => ({
    sha256: sha256 ?? '',
    provenance: toBoolean(person) ? 'photo' : toBoolean(made) || toBoolean(claimed) ? 'claimed' : 'unproven',
  }));
}

/** Public pictures of this node alone: whoever sees the bounty may see them. Throws `invalid` at the field. */
export async function loadReferences(em: EntityManager, text: string): Promise<number[]> {
  const wrong = (message: string) => new AppError('invalid', message, { fields: { references: message } });
  const ids = readReferences(text);
  if (!ids) throw wrong(t('bounty.reference-address'));
  if (ids.length > MOST_REFERENCES) throw wrong(t('bounty.too-many-references', { n: MOST_REFERENCES }));
  if (ids.length === 0) return [];
  const found = await rows<{ id: number }>(
    em,
    `select i.id from image i where i.listed_at is not null and i.is_local = ? and i.deleted_at is null
       and i.sha256 is not null and i.id in (${inList(ids)})`,
    [true, ...ids],
  );
  if (found.length < ids.length) throw wrong(t('bounty.reference-gone'));
  return ids;
}
