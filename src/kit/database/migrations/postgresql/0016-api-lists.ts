import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0016-api-lists',
  statements: [
    `alter table "model" add column "collect_count" int not null default 0;`,
    `create index "model_comment_count_id_index" on "model" ("comment_count", "id");`,
    `create index "model_image_count_id_index" on "model" ("image_count", "id");`,
    `create index "model_collect_count_id_index" on "model" ("collect_count", "id");`,
    `alter table "image" add column "collect_count" int not null default 0;`,
    `create index "image_comment_count_id_index" on "image" ("comment_count", "id");`,
    `create index "image_collect_count_id_index" on "image" ("collect_count", "id");`,
  ],
};
