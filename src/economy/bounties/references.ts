import { buffer } from 'node:stream/consumers';
import type { EntityManager } from '@mikro-orm/core';
import { isPhotograph, originOf } from '../../gallery/images/origin.ts';
import { type GivenPicture, MOST_PICTURES } from '../../gallery/talk-pictures/hold.ts';
import { inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { BountyAsked } from '../../safety/bounty.ts';

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
  owner_id: number;
  sha256: string | null;
  level: number;
  alt_text: string;
  is_made: unknown;
  is_claimed: unknown;
  has_person: unknown;
}

/** What pictures that a bounty or an entry leans on say of themselves, in the order of their ids. */
const findFacts = (em: EntityManager, imageIds: readonly number[]): Promise<Row[]> =>
  rows<Row>(
    em,
    `select i.id, i.owner_id, i.sha256, i.level, i.alt_text,
       case when i.generation_id is not null then 1 else 0 end as is_made, i.has_recipe as is_claimed,
       case when exists (select 1 from resource_use r join model m on m.id = r.model_id
         where r.image_id = i.id and m.is_poi = ?) then 1 else 0 end as has_person
     from image i where i.id in (${inList(imageIds)}) order by i.id`,
    [true, ...imageIds],
  );

/** One made with a model of a real person counts as a photograph of one. */
const provenanceIn = ({ is_made: made, is_claimed: claimed, has_person: person }: Row): Reference['provenance'] =>
  toBoolean(person) ? 'photo' : toBoolean(made) || toBoolean(claimed) ? 'claimed' : 'unproven';

/** Of pictures that are public already, for the gate. */
export async function provenanceOf(em: EntityManager, imageIds: readonly number[]): Promise<Reference[]> {
  const found = await findFacts(em, imageIds);
  return found.map((row) => ({ sha256: row.sha256 ?? '', provenance: provenanceIn(row), level: row.level }));
}

/** Of pictures that are sent in with a bounty, of whose files this looks at what a camera wrote. */
export async function provenanceOfUploads(
  { em, files }: Pick<Work, 'em' | 'files'>,
  viewer: Viewer,
  given: readonly GivenPicture[],
): Promise<Reference[]> {
  const found = await findFacts(
    em,
    given.map(({ id }) => id),
  );
  const references: Reference[] = [];
  // what is not theirs is refused where it would be taken
  for (const row of found.filter(({ owner_id: ownerId }) => ownerId === viewer.id)) {
    const said = given.find(({ id }) => id === row.id);
    references.push({
      ...{ sha256: row.sha256 ?? '', level: said?.level ?? row.level },
      provenance: (await isOfCamera(files, row.sha256)) ? 'photo' : provenanceIn(row),
      upload: { altText: said?.altText ?? row.alt_text, field: `alt-${row.id}` },
    });
  }
  return references;
}

async function isOfCamera(files: Work['files'], sha256: string | null): Promise<boolean> {
  return sha256 !== null && isPhotograph(await originOf(await buffer(files.open(sha256))));
}

/**
 * Public pictures of this node alone: whoever sees the bounty may see them; with what is sent in as many as may stand
 * there. Throws `invalid` at the field.
 */
export async function loadReferences(em: EntityManager, text: string, uploadCount: number): Promise<number[]> {
  const wrong = (message: string) => new AppError('invalid', message, { fields: { references: message } });
  const ids = readReferences(text);
  if (!ids) throw wrong(t('bounty.reference-address'));
  if (ids.length === 0) return [];
  const most = MOST_PICTURES.bounty;
  if (ids.length + uploadCount > most) throw wrong(t('bounty.too-many-references', { n: most }));
  const found = await rows<{ id: number }>(
    em,
    `select i.id from image i where i.listed_at is not null and i.is_local = ? and i.deleted_at is null
       and i.sha256 is not null and i.id in (${inList(ids)})`,
    [true, ...ids],
  );
  if (found.length < ids.length) throw wrong(t('bounty.reference-gone'));
  return ids;
}
