import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0018-api-apps',
  statements: [
    `create table "api_once" ("id" uuid not null, "account_id" int not null, "key" varchar(200) not null, "fingerprint" varchar(64) not null, "status" smallint null, "answer" jsonb null, "created_at" timestamptz not null, constraint "api_once_pkey" primary key ("id"));`,
    `alter table "api_once" add constraint "api_once_account_id_key_unique" unique ("account_id", "key");`,
    `create table "oauth_client" ("id" uuid not null, "name" varchar(80) not null, "redirect_uris" jsonb not null, "auth_method" text check ("auth_method" in ('none', 'client_secret_basic', 'client_secret_post')) not null, "secret_hash" varchar(64) null, "created_at" timestamptz not null, constraint "oauth_client_pkey" primary key ("id"));`,
    `create index "oauth_client_created_at_index" on "oauth_client" ("created_at");`,
    `create table "oauth_grant" ("id" uuid not null, "token_id" uuid not null, "client_id" uuid not null, "redeemed_at" timestamptz null, "created_at" timestamptz not null, constraint "oauth_grant_pkey" primary key ("id"));`,
    `alter table "oauth_grant" add constraint "oauth_grant_token_id_unique" unique ("token_id");`,
    `create index "oauth_grant_client_id_index" on "oauth_grant" ("client_id");`,
    `create table "oauth_secret" ("id" uuid not null, "grant_id" uuid not null, "kind" text check ("kind" in ('code', 'refresh')) not null, "hash" varchar(64) not null, "redirect_uri" varchar(500) null, "challenge" varchar(43) null, "used_at" timestamptz null, "created_at" timestamptz not null, "expires_at" timestamptz not null, constraint "oauth_secret_pkey" primary key ("id"));`,
    `create index "oauth_secret_grant_id_index" on "oauth_secret" ("grant_id");`,
    `alter table "oauth_secret" add constraint "oauth_secret_hash_unique" unique ("hash");`,
    `alter table "api_once" add constraint "api_once_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete cascade;`,
    `alter table "oauth_grant" add constraint "oauth_grant_token_id_foreign" foreign key ("token_id") references "api_token" ("id") on update cascade on delete cascade;`,
    `alter table "oauth_grant" add constraint "oauth_grant_client_id_foreign" foreign key ("client_id") references "oauth_client" ("id") on update cascade on delete cascade;`,
    `alter table "oauth_secret" add constraint "oauth_secret_grant_id_foreign" foreign key ("grant_id") references "oauth_grant" ("id") on update cascade on delete cascade;`,
    `alter table "api_token" add column "kind" text check ("kind" in ('personal', 'app')) not null default 'personal';`,
  ],
};
