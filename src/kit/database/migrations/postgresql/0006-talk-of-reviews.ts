import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0006-talk-of-reviews',
  statements: [
    `alter table "outbox_item" add column "about" varchar(2048) not null default '';`,
    `create index "outbox_item_about_index" on "outbox_item" ("about");`,
    `alter table "review" add column "like_count" int not null default 0, add column "comment_count" int not null default 0;`,
    `alter table "comment" add column "review_id" uuid null;`,
    `alter table "comment" add constraint "comment_review_id_foreign" foreign key ("review_id") references "review" ("id") on update cascade on delete cascade;`,
    `create index "comment_review_id_created_at_index" on "comment" ("review_id", "created_at");`,
    `alter table "reaction" add column "review_id" uuid null;`,
    `alter table "reaction" add constraint "reaction_review_id_foreign" foreign key ("review_id") references "review" ("id") on update cascade on delete cascade;`,
    `create index "reaction_review_id_index" on "reaction" ("review_id");`,
    `alter table "reaction" add constraint "reaction_account_id_review_id_unique" unique ("account_id", "review_id");`,
  ],
};
