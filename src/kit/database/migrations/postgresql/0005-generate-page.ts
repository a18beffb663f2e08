import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0005-generate-page',
  statements: [
    `create table "generation_draft" ("account_id" int not null, "fields" jsonb not null, "updated_at" timestamptz not null, constraint "generation_draft_pkey" primary key ("account_id"));`,
    `create table "generation_input" ("id" uuid not null, "account_id" int not null, "sha256" varchar(64) not null, "total_bytes" int not null, "width" int not null, "height" int not null, "used_at" timestamptz not null, constraint "generation_input_pkey" primary key ("id"));`,
    `create index "generation_input_sha256_index" on "generation_input" ("sha256");`,
    `create index "generation_input_used_at_index" on "generation_input" ("used_at");`,
    `alter table "generation_input" add constraint "generation_input_account_id_sha256_unique" unique ("account_id", "sha256");`,
    `create table "generation_preset" ("id" uuid not null, "account_id" int not null, "name" varchar(60) not null, "fields" jsonb not null, "is_for_all" boolean not null default false, "created_at" timestamptz not null, constraint "generation_preset_pkey" primary key ("id"));`,
    `create index "generation_preset_is_for_all_index" on "generation_preset" ("is_for_all");`,
    `alter table "generation_preset" add constraint "generation_preset_account_id_name_unique" unique ("account_id", "name");`,
    `alter table "generation_draft" add constraint "generation_draft_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete cascade;`,
    `alter table "generation_input" add constraint "generation_input_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade;`,
    `alter table "generation_preset" add constraint "generation_preset_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade;`,
    `alter table "generation" add column "warnings" jsonb null, add column "start_sha256" varchar(64) null, add column "mask_sha256" varchar(64) null, add column "deleted_at" timestamptz null;`,
    `create index "generation_start_sha256_index" on "generation" ("start_sha256");`,
    `create index "generation_mask_sha256_index" on "generation" ("mask_sha256");`,
    `alter table "generation_image" add column "format" text check ("format" in ('png', 'webp', 'jpeg')) not null default 'png', add column "deleted_at" timestamptz null;`,
  ],
};
