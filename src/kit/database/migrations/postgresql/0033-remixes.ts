import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0033-remixes',
  statements: [
    `alter table "image" add column "remix_of_id" int null;`,
    `alter table "image" add constraint "image_remix_of_id_foreign" foreign key ("remix_of_id") references "image" ("id") on update cascade on delete set null;`,
    `create index "image_remix_of_id_listed_at_id_index" on "image" ("remix_of_id", "listed_at", "id");`,
    `alter table "stat_day" add column "remixes" int not null default 0;`,
  ],
};
