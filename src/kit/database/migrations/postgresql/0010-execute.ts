import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0010-execute',
  statements: [
    `create table "name_lock" ("id" uuid not null, "model_id" int not null, "name_key" varchar(200) not null, "takedown_id" uuid not null, "case_id" uuid null, "created_at" timestamptz not null, constraint "name_lock_pkey" primary key ("id"));`,
    `create index "name_lock_takedown_id_index" on "name_lock" ("takedown_id");`,
    `alter table "name_lock" add constraint "name_lock_model_id_name_key_unique" unique ("model_id", "name_key");`,
    `create table "takedown_trace" ("id" uuid not null, "takedown_id" uuid not null, "kind" text check ("kind" in ('model_file', 'image', 'model', 'account', 'collection_item', 'pin', 'words', 'recipe')) not null, "subject_id" varchar(40) not null, "digest" varchar(64) null, "facts" jsonb not null, "taken_at" timestamptz not null, "cleared_at" timestamptz null, "purged_at" timestamptz null, "restored_at" timestamptz null, constraint "takedown_trace_pkey" primary key ("id"));`,
    `create index "takedown_trace_digest_index" on "takedown_trace" ("digest");`,
    `alter table "takedown_trace" add constraint "takedown_trace_takedown_id_kind_subject_id_unique" unique ("takedown_id", "kind", "subject_id");`,
    `alter table "generation" add column "policy_epoch" int not null default 0, add column "withheld_at" timestamptz null;`,
    `alter table "model" add column "credit_line" varchar(300) not null default '';`,
    `alter table "model_file" add column "replaces" varchar(64) null;`,
    `alter table "training_run" add column "policy_epoch" int not null default 0;`,
  ],
};
