import { z } from 'zod';
import { can } from '../accounts/permissions.ts';
import { rows, toBoolean, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { Work } from '../kit/work.ts';
import { isSeeded } from './base-models.ts';
import { BaseModel } from './model.ts';

export const BaseModelForm = z.object({
  name: z
    .string()
    .trim()
    .min(1, 'Give it a name.')
    .max(60, 'At most 60 characters.')
    .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._()+-]*$/u, 'Letters, digits, spaces and . _ ( ) + - only.'),
  ecosystem: z
    .string()
    .trim()
    .toLowerCase()
    .max(40, 'At most 40 characters.')
    .regex(/^[a-z0-9-]*$/, 'Small letters, digits and hyphens, as in an AIR name.')
    .default(''),
});
export const BaseModelAct = z.object({
  name: z.string().max(60),
  act: z.enum(['up', 'down', 'hide', 'show', 'remove']),
});

export interface BaseModelRow {
  readonly name: string;
  readonly ecosystem: string;
  readonly isHidden: boolean;
  /** Versions that name it. */
  readonly versionCount: number;
  /** Only what the owner added, and no version names. */
  readonly isRemovable: boolean;
}

function assertMay(viewer: Work['viewer']): void {
  if (!can(viewer, 'manageCatalogue')) throw new AppError('forbidden', 'You may not change the base models.');
}

/** In the order of the forms. */
export async function listBaseModels({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<BaseModelRow[]> {
  assertMay(viewer);
  const found = await rows<{ name: string; ecosystem: string; is_hidden: unknown; used: unknown }>(
    em,
    `select b.name, b.ecosystem, b.is_hidden, coalesce(u.used, 0) as used from base_model b
     left join (select base_model, count(*) as used from model_version where state <> 'deleted' group by base_model) u
       on u.base_model = b.name
     order by b.position, b.name`,
  );
  return found.map(({ name, ecosystem, is_hidden, used }) => ({
    name,
    ecosystem,
    isHidden: toBoolean(is_hidden),
    versionCount: toNumber(used),
    isRemovable: toNumber(used) === 0 && !isSeeded(name),
  }));
}

/** Adds one at the end. Throws `invalid` when its name is taken, in whatever case. */
export async function addBaseModel(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { name, ecosystem }: z.output<typeof BaseModelForm>,
): Promise<void> {
  assertMay(viewer);
  const all = await em.find(BaseModel, {});
  if (all.some((base) => base.name.toLowerCase() === name.toLowerCase())) {
    throw new AppError('invalid', 'There is one of this name.', { fields: { name: 'There is one of this name.' } });
  }
  const position = Math.max(-1, ...all.map((base) => base.position)) + 1;
  em.persist(em.create(BaseModel, { name, ecosystem: ecosystem || 'other', position, isHidden: false }));
  await em.flush();
}

/** Throws `not_found`; `conflict` for removing what versions name or what every node has. */
export async function changeBaseModel(
  work: Pick<Work, 'em' | 'viewer'>,
  { name, act }: z.output<typeof BaseModelAct>,
): Promise<void> {
  const { em } = work;
  const listed = await listBaseModels(work);
  const place = listed.findIndex((base) => base.name === name);
  const found = listed[place];
  if (!found) throw new AppError('not_found', 'There is no such base model.');
  if (act === 'remove' && !found.isRemovable) {
    throw new AppError('conflict', 'Versions name it, or every node has it; hide it instead.');
  }
  const all = await em.find(BaseModel, {});
  const entityOf = new Map(all.map((base) => [base.name, base]));
  const entity = entityOf.get(name);
  if (!entity) throw new AppError('not_found', 'There is no such base model.');
  if (act === 'remove') em.remove(entity);
  else if (act === 'hide' || act === 'show') entity.isHidden = act === 'hide';
  else {
    const order = listed.map((base) => base.name);
    order.splice(place, 1);
    order.splice(Math.max(0, place + (act === 'up' ? -1 : 1)), 0, name);
    // places may be shared by what was added at different times, so all are counted anew
    for (const [position, its] of order.entries()) {
      const base = entityOf.get(its);
      if (base) base.position = position;
    }
  }
  await em.flush();
}
