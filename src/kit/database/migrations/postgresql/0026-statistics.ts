import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0026-statistics',
  statements: [
    `create table "stat_day" ("account_id" int not null, "model_id" int not null, "day" varchar(10) not null, "downloads" int not null default 0, "generations" int not null default 0, "pictures" int not null default 0, "likes" int not null default 0, "followers" int not null default 0, constraint "stat_day_pkey" primary key ("account_id", "model_id", "day"));`,
    `create index "stat_day_day_index" on "stat_day" ("day");`,
    `alter table "stat_day" add constraint "stat_day_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete cascade;`,
    `create index "follow_created_at_index" on "follow" ("created_at");`,
    `create index "generation_created_at_id_index" on "generation" ("created_at", "id");`,
    `create index "download_mark_day_version_id_index" on "download_mark" ("day", "version_id");`,
    `alter table "notification_setting" alter column "push_off" type int using ("push_off"::int);`,
    `alter table "notification_setting" alter column "push_off" set default 531489;`,
    `create index "reaction_created_at_index" on "reaction" ("created_at");`,
  ],
};
