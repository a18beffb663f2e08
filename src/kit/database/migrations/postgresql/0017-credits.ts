import type { Migration } from '../../migration.ts';
import { POSTGRESQL_LEDGER_TRIGGERS } from '../ledger-triggers.ts';

export const migration: Migration = {
  name: '0017-credits',
  statements: [
    `create table "credit_account" ("id" uuid not null, "kind" text check ("kind" in ('person', 'node', 'escrow')) not null, "key" varchar(120) not null, "owner_id" int null, "balance" bigint not null default 0, "allowance_day" varchar(10) null, constraint "credit_account_pkey" primary key ("id"));`,
    `alter table "credit_account" add constraint "credit_account_key_unique" unique ("key");`,
    `create index "credit_account_owner_id_kind_index" on "credit_account" ("owner_id", "kind");`,
    `create table "credit_hold" ("id" uuid not null, "payer_id" uuid not null, "escrow_id" uuid not null, "subject_kind" varchar(20) not null, "subject_id" uuid not null, "round" int not null default 0, "job_id" uuid null, "amount" int not null, "credits_per_minute" real not null, "used_seconds" real not null default 0, "state" text check ("state" in ('held', 'captured', 'refunded')) not null default 'held', "created_at" timestamptz(3) not null, "ended_at" timestamptz(3) null, constraint "credit_hold_pkey" primary key ("id"));`,
    `create index "credit_hold_payer_id_state_index" on "credit_hold" ("payer_id", "state");`,
    `create index "credit_hold_state_id_index" on "credit_hold" ("state", "id");`,
    `create index "credit_hold_job_id_index" on "credit_hold" ("job_id");`,
    `alter table "credit_hold" add constraint "credit_hold_subject_kind_subject_id_round_unique" unique ("subject_kind", "subject_id", "round");`,
    `create table "credit_posting" ("id" uuid not null, "key" varchar(200) not null, "kind" varchar(20) not null, "subject_kind" varchar(20) not null default '', "subject_id" varchar(40) not null default '', "note" varchar(300) not null default '', "at" timestamptz(3) not null, constraint "credit_posting_pkey" primary key ("id"));`,
    `alter table "credit_posting" add constraint "credit_posting_key_unique" unique ("key");`,
    `create table "credit_entry" ("id" uuid not null, "posting_id" uuid not null, "account_id" uuid not null, "amount" bigint not null, "at" timestamptz(3) not null, constraint "credit_entry_pkey" primary key ("id"));`,
    `create index "credit_entry_account_id_at_id_index" on "credit_entry" ("account_id", "at", "id");`,
    `create index "credit_entry_posting_id_index" on "credit_entry" ("posting_id");`,
    `alter table "credit_hold" add constraint "credit_hold_payer_id_foreign" foreign key ("payer_id") references "credit_account" ("id") on update cascade;`,
    `alter table "credit_hold" add constraint "credit_hold_escrow_id_foreign" foreign key ("escrow_id") references "credit_account" ("id") on update cascade;`,
    `alter table "credit_entry" add constraint "credit_entry_posting_id_foreign" foreign key ("posting_id") references "credit_posting" ("id") on update cascade;`,
    `alter table "credit_entry" add constraint "credit_entry_account_id_foreign" foreign key ("account_id") references "credit_account" ("id") on update cascade;`,
    ...POSTGRESQL_LEDGER_TRIGGERS,
  ],
};
