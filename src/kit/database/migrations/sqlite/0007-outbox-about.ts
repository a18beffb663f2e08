import type { Migration } from '../../migration.ts';

/** Written by hand: what was said before is found by what it is about, as `aboutOf` of the outbox reads it. */
export const migration: Migration = {
  name: '0007-outbox-about',
  statements: [`update outbox_item set about = substr(uri, 1, instr(uri || '#', '#') - 1)`],
};
