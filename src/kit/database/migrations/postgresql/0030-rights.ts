import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0030-rights',
  statements: [
    `create table "case_licence" ("case_id" uuid not null, "grant_id" uuid not null, "cited_by" text check ("cited_by" in ('node', 'uploader')) not null, "cited_at" timestamptz not null, "refused_at" timestamptz null, "refuser_id" int null, "reason" text not null default '', constraint "case_licence_pkey" primary key ("case_id", "grant_id"));`,
    `create index "case_licence_grant_id_index" on "case_licence" ("grant_id");`,
    `create table "rights_offer" ("id" uuid not null, "owner_id" int not null, "case_id" uuid not null, "covers" varchar(200) not null, "title" varchar(80) not null, "uses" jsonb not null, "text" text not null, "forbids" text not null, "revocation" varchar(500) not null, "notice_days" int not null default 0, "price_credits" int null, "days" int null, "closed_at" timestamptz null, "created_at" timestamptz not null, constraint "rights_offer_pkey" primary key ("id"));`,
    `create index "rights_offer_case_id_closed_at_index" on "rights_offer" ("case_id", "closed_at");`,
    `create index "rights_offer_owner_id_created_at_index" on "rights_offer" ("owner_id", "created_at");`,
    `create index "rights_offer_created_at_index" on "rights_offer" ("created_at");`,
    `create table "rights_grant" ("id" uuid not null, "offer_id" uuid not null, "licensee_id" int not null, "model_id" int null, "covers" varchar(200) not null, "title" varchar(80) not null, "uses" jsonb not null, "text" text not null, "forbids" text not null, "revocation" varchar(500) not null, "notice_days" int not null default 0, "paid_credits" int not null default 0, "state" text check ("state" in ('asked', 'granted', 'declined', 'withdrawn', 'revoked')) not null, "purpose" varchar(500) not null default '', "answer" varchar(500) not null default '', "asked_at" timestamptz not null, "decided_at" timestamptz null, "expires_at" timestamptz null, "ended_at" timestamptz null, constraint "rights_grant_pkey" primary key ("id"));`,
    `create index "rights_grant_model_id_state_index" on "rights_grant" ("model_id", "state");`,
    `create index "rights_grant_licensee_id_asked_at_index" on "rights_grant" ("licensee_id", "asked_at");`,
    `create index "rights_grant_offer_id_state_index" on "rights_grant" ("offer_id", "state");`,
    `alter table "rights_offer" add constraint "rights_offer_owner_id_foreign" foreign key ("owner_id") references "account" ("id") on update cascade;`,
    `alter table "rights_grant" add constraint "rights_grant_offer_id_foreign" foreign key ("offer_id") references "rights_offer" ("id") on update cascade;`,
    `alter table "rights_grant" add constraint "rights_grant_licensee_id_foreign" foreign key ("licensee_id") references "account" ("id") on update cascade;`,
    `alter table "rights_grant" add constraint "rights_grant_model_id_foreign" foreign key ("model_id") references "model" ("id") on update cascade on delete set null;`,
  ],
};
