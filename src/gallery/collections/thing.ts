import { z } from 'zod';
import { type Parameter, toNumber } from '../../kit/database/sql.ts';
import { hiddenCondition } from '../hidden.ts';
import { urlOf } from '../talk/target.ts';
import type { Eyes } from '../views.ts';
import { COLLECTED_KINDS, type CollectedKind } from './model.ts';

// What lies in a collection, for every query over `collection_item c`: pages, counts, covers and peers see the same.

/** What can be put into a collection. */
export interface Collected {
  readonly kind: CollectedKind;
  readonly id: number;
}

export const ITEM_JOINS = `left join model cm on cm.id = c.model_id left join post cp on cp.id = c.post_id
  left join image ci on ci.id = c.image_id`;
/** What stopped being public since it was put in is in it for nobody. */
export const ITEM_IS_LISTED = 'coalesce(cm.listed_at, cp.listed_at, ci.listed_at) is not null';
export const ITEM_LEVEL = 'coalesce(cm.level, cp.level, ci.level)';
export const ITEM_KIND = `case when c.model_id is not null then 'model' when c.post_id is not null then 'post' else 'image' end`;
export const ITEM_THING = 'coalesce(c.model_id, c.post_id, c.image_id)';
export const ITEM_OWNER = 'coalesce(cm.owner_id, cp.owner_id, ci.owner_id)';

const ALIASES = { model: 'cm', post: 'cp', image: 'ci' } as const satisfies Record<CollectedKind, string>;

/** What of it these eyes see: by its rating, and by what they hide. */
export function isSeenItem(eyes: Eyes): { sql: string; values: Parameter[] } {
  const parts = [`${ITEM_IS_LISTED} and (${ITEM_LEVEL} & ?) <> 0`];
  const values: Parameter[] = [eyes.levels];
  for (const kind of COLLECTED_KINDS) {
    const hidden = hiddenCondition(kind, ALIASES[kind], eyes);
    if (!hidden) continue;
    parts.push(`(c.${kind}_id is null or (${hidden.sql}))`);
    values.push(...hidden.values);
  }
  return { sql: parts.join(' and '), values };
}

/** The picture that stands for an item among these ratings; null for a model without one. */
export const itemPicture = (levels: number): { sql: string; values: Parameter[] } => ({
  sql: `coalesce((case when (ci.level & ?) <> 0 then ci.id end),
    (select x.id from image x where x.post_id = c.post_id and x.listed_at is not null and (x.level & ?) <> 0
      order by x.position, x.id limit 1),
    (select x.id from image x where x.id = cm.cover_image_id and x.listed_at is not null and (x.level & ?) <> 0))`,
  values: [levels, levels, levels],
});

/** The picture that stands for the collection `k`: of its owner's choice, or of the first item that has one. */
export function coverPicture(eyes: Eyes): { sql: string; values: Parameter[] } {
  const picture = itemPicture(eyes.levels);
  const seen = isSeenItem(eyes);
  const of = (condition: string) => `(select z.picture from (select ${picture.sql} as picture, c.position, c.id
      from collection_item c ${ITEM_JOINS} where c.collection_id = k.id and ${seen.sql} ${condition}) z
    where z.picture is not null order by z.position, z.id limit 1)`;
  return {
    sql: `coalesce(${of('and c.id = k.cover_item_id')}, ${of('')})`,
    values: [...picture.values, ...seen.values, ...picture.values, ...seen.values],
  };
}

const id = z.coerce.number().int().positive().max(2_147_483_647).optional().catch(undefined);
/** A thing as forms and addresses name it: `?model=12`. */
export const Thing = z.object({ model: id, post: id, image: id });

export function thingOf(named: z.output<typeof Thing>): Collected | null {
  for (const kind of COLLECTED_KINDS) if (named[kind] !== undefined) return { kind, id: named[kind] };
  return null;
}

export interface NamedThing extends Collected {
  /** '' where it has none. */
  readonly title: string;
  readonly url: string;
}

export interface ThingRow {
  readonly kind: CollectedKind;
  readonly thing_id: unknown;
  readonly title: string | null;
}

/** Columns for a query with `ITEM_JOINS`, and what they say. */
export const THING_COLUMNS = `${ITEM_KIND} as kind, ${ITEM_THING} as thing_id, coalesce(cm.name, cp.title,
  (select x.title from post x where x.id = ci.post_id)) as title`;

export function namedThing(row: ThingRow): NamedThing {
  const thing = { kind: row.kind, id: toNumber(row.thing_id) };
  return { ...thing, title: row.title ?? '', url: urlOf(thing) };
}
