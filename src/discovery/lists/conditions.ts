import type { EntityManager } from '@mikro-orm/core';
import { inList, type Parameter, rows } from '../../kit/database/sql.ts';
import { isFew } from './few.ts';

/** What the rows of a list fulfil, all of it, and what stands at the question marks. */
export class Conditions {
  readonly where: string[] = [];
  readonly values: Parameter[] = [];

  add(condition: string, ...values: Parameter[]): void {
    this.where.push(condition);
    this.values.push(...values);
  }

  addIfAny(condition: (places: string) => string, values: readonly (string | number)[] | undefined): void {
    if (values) this.add(condition(inList(values)), ...values);
  }

  get sql(): string {
    return this.where.join(' and ');
  }

  /**
   * Rows whose `id` the bearers name: `from` and `where` of a query with `column`. A list of few begins with them, one of
   * many walks its order and asks of each.
   */
  async addBearers(
    em: EntityManager,
    { id, column, from, values }: { id: string; column: string; from: string; values: readonly Parameter[] },
  ): Promise<void> {
    if (await isFew(em, from, values)) this.add(`${id} in (select ${column} ${from})`, ...values);
    else this.add(`exists (select 1 ${from} and ${column} = ${id})`, ...values);
  }
}

/** Ids of tags by their names, each as what it means. A word that nobody uses is -1, which nothing bears. */
export async function tagIdsOf(em: EntityManager, names: readonly string[]): Promise<number[]> {
  // PostgreSQL holds no text with a zero in it, and so no tag
  const possible = names.filter((name) => !name.includes('\0'));
  if (possible.length === 0) return names.map(() => -1);
  const found = await rows<{ name: string; id: number }>(
    em,
    `select t.name, coalesce(s.means_id, t.id) as id from tag t left join tag_synonym s on s.tag_id = t.id
     where t.name in (${inList(possible)})`,
    possible,
  );
  return names.map((name) => found.find((tag) => tag.name === name)?.id ?? -1);
}
