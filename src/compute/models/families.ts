import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import type { EngineCaps, KnownFiles } from '../engine/protocol.ts';

export type FamilyCaps = EngineCaps['families'][string];

/** Ecosystems of Civitai that are one architecture: what was trained on one runs, and adapts, on the others. */
const SAME_ARCHITECTURE: Readonly<Record<string, readonly string[]>> = { sdxl: ['pony', 'illustrious', 'noobai'] };

/** Which base models the engine can load, in Civitai's spelling, and the family of each. */
export class Families {
  readonly #byBaseModel: ReadonlyMap<string, string>;
  readonly #caps: EngineCaps;

  private constructor(caps: EngineCaps, byBaseModel: ReadonlyMap<string, string>) {
    this.#caps = caps;
    this.#byBaseModel = byBaseModel;
  }

  /** The owner's table of base models decides, so that one that they add to an ecosystem is offered too. */
  static async read(em: EntityManager, caps: EngineCaps): Promise<Families> {
    const bases = await rows<{ name: string; ecosystem: string }>(em, 'select name, ecosystem from base_model');
    const byBaseModel = new Map<string, string>();
    for (const [family, { base_model: name }] of Object.entries(caps.families)) {
      byBaseModel.set(name, family);
      const root = bases.find((base) => base.name === name)?.ecosystem;
      if (!root) continue;
      const ecosystems = [root, ...(SAME_ARCHITECTURE[root] ?? [])];
      for (const base of bases) if (ecosystems.includes(base.ecosystem)) byBaseModel.set(base.name, family);
    }
    return new Families(caps, byBaseModel);
  }

  /** Files that the engine can be given; null is any. */
  get known(): KnownFiles | null {
    return this.#caps.files;
  }

  of(baseModel: string): string | null {
    return this.#byBaseModel.get(baseModel) ?? null;
  }

  capsOf(baseModel: string): FamilyCaps | null {
    return this.#caps.families[this.of(baseModel) ?? ''] ?? null;
  }

  /** Every base model of one family, or of all. */
  baseModels(family?: string | null): string[] {
    return [...this.#byBaseModel].flatMap(([name, its]) => (family === undefined || its === family ? [name] : []));
  }
}
