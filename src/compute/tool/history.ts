import { type Parameter, rows } from '../../kit/database/sql.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { GENERATION_COLUMNS, type GenerationRow, type GenerationView, viewsOf } from './queries.ts';

export interface HistoryFilter {
  /** The id of the last one seen: ids grow with time. */
  readonly before?: string | undefined;
  readonly limit?: number;
  /** Words of the prompt, each of which must stand in it. */
  readonly search?: string;
  /** Title of a checkpoint. */
  readonly model?: string;
  /** Days, both inclusive. */
  readonly from?: Date | null;
  readonly to?: Date | null;
}

const PAGE_SIZE = 24;
const MOST_WORDS = 8;
const DAY_MS = 86_400_000;

/** The newest first. */
export async function listGenerations(
  { em }: Pick<Work, 'em'>,
  viewer: Viewer,
  { before, limit = PAGE_SIZE, search = '', model = '', from = null, to = null }: HistoryFilter,
): Promise<{ readonly items: readonly GenerationView[]; readonly next: string | null }> {
  const where = ['g.account_id = ?', 'g.deleted_at is null'];
  const values: Parameter[] = [viewer.id];
  const add = (condition: string, value: Parameter) => {
    where.push(condition);
    values.push(value);
  };
  if (before) add('g.id < ?', before);
  for (const word of search.toLowerCase().split(/\s+/).filter(Boolean).slice(0, MOST_WORDS)) {
    add(`lower(g.request ->> 'prompt') like ?`, `%${word.replaceAll(/[%_]/g, '')}%`);
  }
  if (model !== '') add(`g.request -> 'model' ->> 'title' = ?`, model);
  if (from) add('g.created_at >= ?', from);
  if (to) add('g.created_at < ?', new Date(to.getTime() + DAY_MS));
  const found = await rows<GenerationRow>(
    em,
    `select ${GENERATION_COLUMNS} where ${where.join(' and ')} order by g.id desc limit ?`,
    [...values, limit + 1],
  );
  const shown = found.slice(0, limit);
  return {
    items: await viewsOf(em, shown),
    next: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
  };
}

/** Checkpoints that this person generated with, by title. */
export async function listUsedModels({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<string[]> {
  const found = await rows<{ title: string | null }>(
    em,
    `select distinct request -> 'model' ->> 'title' as title from generation
     where account_id = ? and deleted_at is null order by 1 limit 200`,
    [viewer.id],
  );
  return found.flatMap(({ title }) => title ?? []);
}
