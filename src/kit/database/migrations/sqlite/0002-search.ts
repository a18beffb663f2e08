import type { Migration } from '../../migration.ts';

const table = (kind: string): string =>
  `create virtual table search_${kind} using fts5(name, words, body, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')`;

/** Written by hand: the ORM knows no full-text tables. */
export const migration: Migration = {
  name: '0002-search',
  statements: [table('model'), table('image'), table('account')],
};
