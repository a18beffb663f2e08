import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import type { z } from 'zod';

/** What the owner sets in the admin pages, as against `config.ts`, which the operator sets on the machine. */
export const Setting = defineEntity({
  name: 'Setting',
  properties: {
    name: p.string().length(60).primary(),
    value: p.json<unknown>(),
    changedAt: p.datetime(),
  },
});
export interface Setting extends InferEntity<typeof Setting> {}

export interface SettingGroup<Schema extends z.ZodType> {
  readonly name: string;
  /** Every field has a default, so that `{}` parses. */
  readonly schema: Schema;
}

export const defineSettings = <Schema extends z.ZodType>(name: string, schema: Schema): SettingGroup<Schema> => ({
  name,
  schema,
});

const FRESH_MS = 5_000;

/** Settings by group, remembered for a few seconds: another process's change shows after that. */
export class Settings {
  readonly #cache = new Map<string, { value: unknown; at: number }>();

  async read<Schema extends z.ZodType>(em: EntityManager, group: SettingGroup<Schema>): Promise<z.output<Schema>> {
    const known = this.#cache.get(group.name);
    if (known && performance.now() - known.at < FRESH_MS) return known.value as z.output<Schema>;
    const row = await em.findOne(Setting, group.name);
    // a value that an older release wrote and that no longer fits falls back to the defaults
    const parsed = group.schema.safeParse(row?.value ?? {});
    const value = parsed.success ? parsed.data : group.schema.parse({});
    this.#cache.set(group.name, { value, at: performance.now() });
    return value;
  }

  /** Persisted with the caller's flush. */
  async write<Schema extends z.ZodType>(
    em: EntityManager,
    group: SettingGroup<Schema>,
    value: z.output<Schema>,
    now: Date,
  ): Promise<void> {
    const row = await em.findOne(Setting, group.name);
    if (row) Object.assign(row, { value, changedAt: now });
    else em.persist(em.create(Setting, { name: group.name, value, changedAt: now }));
    this.#cache.delete(group.name);
  }
}
