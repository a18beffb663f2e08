import type { EntityManager } from '@mikro-orm/core';

const SEARCH_KINDS = ['model', 'image', 'account'] as const;
export type SearchKind = (typeof SEARCH_KINDS)[number];

/** What is searched of one thing; a word in the name weighs most, one in the body least. */
interface SearchText {
  readonly name: string;
  /** Tags, trigger words, the owner's name. */
  readonly words: string;
  readonly body: string;
}

/** The full-text index, over what either database offers; its tables are made by hand in migration 0002. */
export interface SearchIndex {
  put(em: EntityManager, kind: SearchKind, id: number, text: SearchText): Promise<void>;
  remove(em: EntityManager, kind: SearchKind, id: number): Promise<void>;
  /**
   * Ids, the best first: of the newest `NEWEST` matches, ordered by how well they fit. The last word may be the beginning of
   * one, at least where few have it whole.
   */
  find(em: EntityManager, kind: SearchKind, words: readonly string[], limit: number): Promise<number[]>;
  /** Ids of the newest whose names have these words, the last of which may still be being typed. Nothing is ranked. */
  suggest(em: EntityManager, kind: SearchKind, words: readonly string[], limit: number): Promise<number[]>;
  /** Names of tags that begin so, the shortest first. */
  suggestTags(em: EntityManager, prefix: string, limit: number): Promise<string[]>;
}

/**
 * How many of the newest matches are ranked. Ranking all matches of a common word takes a second on a million rows
 * (each must be scored), so what fits equally well and is old is not seen.
 */
export const NEWEST = 400;

const MOST_WORDS = 8;

/** The words of what a person typed: letters and digits only, so that no operator of either engine gets through. */
export function searchWords(text: string): string[] {
  const found =
    text
      .normalize('NFKC')
      .toLowerCase()
      .slice(0, 200)
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return found.slice(0, MOST_WORDS);
}
