import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0031-bounty-pictures',
  statements: [
    `alter table "post" drop constraint if exists "post_talk_kind_check";`,
    `alter table "bounty_reference" drop constraint "bounty_reference_image_id_foreign";`,
    `alter table "post" add constraint "post_talk_kind_check" check ("talk_kind" in ('comment', 'review', 'bounty'));`,
    `alter table "bounty_reference" add constraint "bounty_reference_image_id_foreign" foreign key ("image_id") references "image" ("id") on update cascade on delete cascade;`,
  ],
};
