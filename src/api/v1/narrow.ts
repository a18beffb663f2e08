import type { EntityManager } from '@mikro-orm/core';
import { searchIndexOf } from '../../discovery/index/search-index.ts';
import { type SearchKind, searchWords } from '../../discovery/index/terms.ts';
import { tagIdsOf } from '../../discovery/lists/conditions.ts';
import { inList, type Parameter } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer } from '../../kit/work.ts';

// What lists of models, of pictures and of people are narrowed by alike.

export type Add = (condition: string, ...given: Parameter[]) => void;

const MOST_FOUND = 400;

/** What a thing of these ratings bears; where none may be given, nothing is looked through for it. */
export const ofLevels = (row: 'm' | 'i', levels: number): { readonly sql: string; readonly values: Parameter[] } =>
  levels === 0 ? { sql: '1 = 0', values: [] } : { sql: `(${row}.level & ?) <> 0`, values: [levels] };

/** Ids of what fits the words of a search: the newest of many. */
export async function findByWords(
  em: EntityManager,
  kind: SearchKind,
  text: string,
  most = MOST_FOUND,
): Promise<readonly number[]> {
  const words = searchWords(text);
  return words.length === 0 ? [] : searchIndexOf(em).find(em, kind, words, most);
}

/** Leaves out what bears one of these tags. `bearers` are the rows `n` that say so, after "from". */
export async function addWithoutTags(
  em: EntityManager,
  names: readonly string[] | undefined,
  bearers: string,
  add: Add,
): Promise<void> {
  if (!names || names.length === 0) return;
  const lower = names.map((name) => name.toLowerCase());
  const tagIds = await tagIdsOf(em, lower);
  add(`not exists (select 1 from ${bearers} and n.tag_id in (${inList(tagIds)}))`, ...tagIds);
}

/** Throws `unauthenticated` in Civitai's word. */
export function member(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Unauthorized');
  return viewer;
}
