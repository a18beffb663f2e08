import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0012-claim-proofs',
  statements: [
    `create table "artist_proof" ("case_id" uuid not null, "url" varchar(2000) not null, "state" text check ("state" in ('waiting', 'proven', 'failed')) not null, "reason" varchar(40) not null default '', "way" text check ("way" in ('link', 'text')) null, "tries" smallint not null default 0, "asked_at" timestamptz not null, "checked_at" timestamptz null, constraint "artist_proof_pkey" primary key ("case_id"));`,
    `create table "authority_order" ("case_id" uuid not null, "authority" varchar(200) not null, "reference" varchar(200) not null, "received_at" timestamptz not null, constraint "authority_order_pkey" primary key ("case_id"));`,
    `create index "authority_order_received_at_index" on "authority_order" ("received_at");`,
    `create table "case_attachment" ("id" uuid not null, "case_id" uuid not null, "message_id" uuid not null, "thread" text check ("thread" in ('claimant', 'uploader', 'joint')) not null, "sha256" varchar(64) not null, "total_bytes" int not null, "width" int not null, "height" int not null, "created_at" timestamptz not null, constraint "case_attachment_pkey" primary key ("id"));`,
    `create index "case_attachment_case_id_id_index" on "case_attachment" ("case_id", "id");`,
    `create table "counter_draft" ("case_id" uuid not null, "sealed" text not null, "text" text not null, "missing" jsonb not null, "written_at" timestamptz not null, constraint "counter_draft_pkey" primary key ("case_id"));`,
    `create table "identity_proof" ("case_id" uuid not null, "party" text check ("party" in ('claimant', 'uploader')) not null, "sealed" text null, "sent_at" timestamptz not null, "opened_at" timestamptz null, "opener_id" int null, "outcome" text check ("outcome" in ('shown', 'not-shown', 'unseen')) null, "deleted_at" timestamptz null, constraint "identity_proof_pkey" primary key ("case_id", "party"));`,
  ],
};
