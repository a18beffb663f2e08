import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0009-hashes',
  statements: [
    `create table "hash_bank" ("id" serial primary key, "version" int not null default 0);`,
    `create table "hash_block" ("id" uuid not null, "kind" text check ("kind" in ('file', 'tensors', 'picture')) not null, "hash" varchar(64) not null, "quality" smallint not null default 100, "variants" text not null default '', "category" text check ("category" in ('minor', 'ncii', 'likeness', 'copyright', 'style', 'other')) not null, "is_severe" boolean not null, "source_case_id" varchar(60) null, "added_by_id" int null, "note" varchar(500) not null default '', "added_at" timestamptz not null, "rescanned_at" timestamptz null, "lifted_at" timestamptz null, constraint "hash_block_pkey" primary key ("id"));`,
    `create index "hash_block_kind_hash_index" on "hash_block" ("kind", "hash");`,
    `create table "hash_hit" ("id" uuid not null, "block_id" uuid not null, "door" varchar(20) not null, "account_id" int null, "target_kind" varchar(20) null, "target_id" varchar(60) null, "digest" varchar(64) not null, "distance" smallint null, "verdict" text check ("verdict" in ('allow', 'review', 'hold', 'refuse')) not null, "at" timestamptz not null, "handled_at" timestamptz null, constraint "hash_hit_pkey" primary key ("id"));`,
    `create index "hash_hit_handled_at_at_index" on "hash_hit" ("handled_at", "at");`,
    `alter table "hash_block" add constraint "hash_block_added_by_id_foreign" foreign key ("added_by_id") references "account" ("id") on update cascade on delete set null;`,
    `alter table "hash_hit" add constraint "hash_hit_block_id_foreign" foreign key ("block_id") references "hash_block" ("id") on update cascade;`,
    `alter table "hash_hit" add constraint "hash_hit_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete set null;`,
    `alter table "dataset_item" add column "pdq" text null, add column "held_at" timestamptz null;`,
    `alter table "image" add column "pdq" text null;`,
    `alter table "upload" add column "is_withheld" boolean not null default false;`,
  ],
};
