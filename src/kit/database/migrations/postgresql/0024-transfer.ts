import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0024-transfer',
  statements: [
    `create table "account_export" ("id" uuid not null, "account_id" int not null, "state" text check ("state" in ('making', 'ready', 'failed')) not null default 'making', "job_id" uuid null, "documents_sha256" varchar(64) null, "layout_sha256" varchar(64) null, "total_bytes" bigint not null default 0, "entry_count" int not null default 0, "left_out" jsonb not null, "message" varchar(600) null, "created_at" timestamptz not null, "finished_at" timestamptz null, "expires_at" timestamptz not null, constraint "account_export_pkey" primary key ("id"));`,
    `alter table "account_export" add constraint "account_export_account_id_unique" unique ("account_id");`,
    `create table "moved_page" ("path" varchar(120) not null, "account_id" int not null, "target" varchar(2048) not null, constraint "moved_page_pkey" primary key ("path"));`,
    `create index "moved_page_account_id_index" on "moved_page" ("account_id");`,
    `create table "transfer" ("id" uuid not null, "account_id" int not null, "source" text check ("source" in ('tessera', 'civitai', 'huggingface', 'folder', 'pictures')) not null, "place" varchar(2048) not null, "who" varchar(100) not null default '', "sealed_key" text null, "archive_sha256" varchar(64) null, "state" text check ("state" in ('looking', 'choosing', 'running', 'stopped', 'done', 'failed')) not null default 'looking', "job_id" uuid null, "publishes" boolean not null default false, "message" varchar(600) null, "notes" jsonb not null, "created_at" timestamptz not null, "updated_at" timestamptz not null, constraint "transfer_pkey" primary key ("id"));`,
    `create index "transfer_archive_sha256_index" on "transfer" ("archive_sha256");`,
    `create index "transfer_account_id_created_at_index" on "transfer" ("account_id", "created_at");`,
    `create table "transfer_item" ("id" uuid not null, "transfer_id" uuid not null, "position" int not null, "kind" text check ("kind" in ('profile', 'model', 'post', 'review', 'comment', 'collection', 'follow', 'block', 'mute')) not null, "title" varchar(300) not null default '', "total_bytes" bigint not null default 0, "plan" jsonb not null, "state" text check ("state" in ('found', 'waiting', 'done', 'held', 'known', 'failed')) not null default 'found', "message" varchar(600) null, "path" varchar(300) null, constraint "transfer_item_pkey" primary key ("id"));`,
    `create index "transfer_item_transfer_id_state_position_index" on "transfer_item" ("transfer_id", "state", "position");`,
    `alter table "transfer_item" add constraint "transfer_item_transfer_id_position_unique" unique ("transfer_id", "position");`,
    `create table "transfer_mark" ("account_id" int not null, "key_hash" varchar(64) not null, "origin" varchar(2048) not null, "kind" varchar(20) not null, "target_id" varchar(40) not null, "created_at" timestamptz not null, constraint "transfer_mark_pkey" primary key ("account_id", "key_hash"));`,
    `alter table "account_export" add constraint "account_export_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade;`,
    `alter table "moved_page" add constraint "moved_page_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete cascade;`,
    `alter table "transfer" add constraint "transfer_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade;`,
    `alter table "transfer_item" add constraint "transfer_item_transfer_id_foreign" foreign key ("transfer_id") references "transfer" ("id") on update cascade on delete cascade;`,
    `alter table "transfer_mark" add constraint "transfer_mark_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete cascade;`,
  ],
};
