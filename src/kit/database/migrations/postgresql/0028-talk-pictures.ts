import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0028-talk-pictures',
  statements: [
    `alter table "post" add column "talk_kind" text check ("talk_kind" in ('comment', 'review')) null, add column "talk_id" uuid null;`,
    `alter table "post" add constraint "post_talk_kind_talk_id_unique" unique ("talk_kind", "talk_id");`,
    `alter table "mention" add column "review_id" uuid null;`,
    `alter table "mention" add constraint "mention_review_id_foreign" foreign key ("review_id") references "review" ("id") on update cascade on delete cascade;`,
    `alter table "mention" add constraint "mention_review_id_account_id_unique" unique ("review_id", "account_id");`,
  ],
};
