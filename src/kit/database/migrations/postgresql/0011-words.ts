import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0011-words',
  statements: [
    `create table "first_outputs" ("version_id" int not null, "left_count" int not null, constraint "first_outputs_pkey" primary key ("version_id"));`,
    `alter table "safety_hold" drop constraint if exists "safety_hold_kind_check";`,
    `alter table "prompt_rule_set" add column "activated_at" timestamptz null;`,
    `alter table "safety_hold" add constraint "safety_hold_kind_check" check("kind" in ('generation', 'training', 'account', 'bounty', 'image', 'model', 'post', 'collection', 'comment', 'review'));`,
  ],
};
