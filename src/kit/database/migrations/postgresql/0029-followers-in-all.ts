import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0029-followers-in-all',
  statements: ['alter table "stat_day" add column "followers_in_all" int null;'],
};
