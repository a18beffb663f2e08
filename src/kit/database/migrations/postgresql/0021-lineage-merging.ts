import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0021-lineage-merging',
  statements: [
    `create table "merge_run" ("id" uuid not null, "owner_id" int not null, "name" varchar(120) not null, "kind" text check ("kind" in ('checkpoint', 'lora')) not null, "family" varchar(40) not null, "base_model" varchar(60) not null, "parts" jsonb not null, "params" jsonb not null, "state" text check ("state" in ('queued', 'running', 'done', 'failed', 'cancelled')) not null default 'queued', "job_id" uuid null, "round" int not null default 0, "error" varchar(500) null, "warnings" jsonb null, "policy_epoch" int not null default 0, "sha256" varchar(64) null, "total_bytes" bigint not null default 0, "rank" int null, "published_version_id" int null, "created_at" timestamptz not null, "finished_at" timestamptz null, constraint "merge_run_pkey" primary key ("id"));`,
    `create index "merge_run_sha256_index" on "merge_run" ("sha256");`,
    `create index "merge_run_owner_id_id_index" on "merge_run" ("owner_id", "id");`,
    `alter table "merge_run" add constraint "merge_run_owner_id_foreign" foreign key ("owner_id") references "account" ("id") on update cascade;`,
    `alter table "merge_run" add constraint "merge_run_published_version_id_foreign" foreign key ("published_version_id") references "model_version" ("id") on update cascade on delete set null;`,
    `alter table "gpu_use" drop constraint if exists "gpu_use_kind_check";`,
    `alter table "gpu_use" add constraint "gpu_use_kind_check" check("kind" in ('generation', 'training', 'caption', 'merge'));`,
    `alter table "lineage" add column "basis" text check ("basis" in ('file', 'owner', 'made')) not null default 'owner';`,
  ],
};
