import type { Migration } from '../../migration.ts';

const table = (kind: string): string[] => [
  `create table search_${kind} (id int primary key, document tsvector not null)`,
  `create index search_${kind}_document_index on search_${kind} using gin (document)`,
];

/** Written by hand: the ORM knows no full-text tables. */
export const migration: Migration = {
  name: '0002-search',
  statements: [...table('model'), ...table('image'), ...table('account')],
};
