import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0009-moderation',
  statements: [
    `create table "audit_entry" ("seq" serial primary key, "at" timestamptz(3) not null, "action" varchar(80) not null, "subject_kind" varchar(40) not null, "subject_id" varchar(120) not null, "actor_id" int null, "actor_role" varchar(40) not null, "before" jsonb null, "after" jsonb null, "rule" varchar(80) not null default '', "reason" text null, "salt" varchar(32) null, "seal" varchar(64) not null, "request_id" varchar(80) not null default '', "previous_hash" varchar(64) not null, "hash" varchar(64) not null);`,
    `create index "audit_entry_subject_kind_subject_id_index" on "audit_entry" ("subject_kind", "subject_id");`,
    `create index "audit_entry_actor_id_seq_index" on "audit_entry" ("actor_id", "seq");`,
    `create index "audit_entry_action_seq_index" on "audit_entry" ("action", "seq");`,
    `create table "audit_head" ("id" serial primary key, "seq" int not null, "hash" varchar(64) not null);`,
    `create table "audit_root" ("day" varchar(10) not null, "seq" int not null, "hash" varchar(64) not null, constraint "audit_root_pkey" primary key ("day"));`,
    `create table "policy_restriction" ("target_kind" text check ("target_kind" in ('model', 'version', 'image', 'post', 'account', 'collection')) not null, "target_id" int not null, "source" varchar(120) not null, "bits" int not null, "created_at" timestamptz not null, constraint "policy_restriction_pkey" primary key ("target_kind", "target_id", "source"));`,
    `create table "queue_row" ("id" uuid not null, "kind" text check ("kind" in ('report', 'case', 'appeal', 'rating', 'upload', 'generation', 'training', 'bounty', 'hash', 'peer')) not null, "subject_id" varchar(120) not null, "open_key" varchar(40) not null, "about_kind" varchar(40) not null, "about_id" varchar(120) not null, "title" varchar(200) not null, "state" text check ("state" in ('open', 'done')) not null, "priority" int not null default 2, "due_at" timestamptz null, "permission" int not null default 0, "assignee_id" int null, "locked_by_id" int null, "locked_until" timestamptz null, "voice_count" int not null default 1, "opened_at" timestamptz not null, "closed_at" timestamptz null, "outcome" varchar(80) not null default '', constraint "queue_row_pkey" primary key ("id"));`,
    `create index "queue_row_state_priority_due_at_id_index" on "queue_row" ("state", "priority", "due_at", "id");`,
    `create index "queue_row_kind_state_id_index" on "queue_row" ("kind", "state", "id");`,
    `create index "queue_row_about_kind_about_id_index" on "queue_row" ("about_kind", "about_id");`,
    `alter table "queue_row" add constraint "queue_row_kind_subject_id_open_key_unique" unique ("kind", "subject_id", "open_key");`,
    `create table "takedown" ("id" uuid not null, "case_id" uuid null, "target_kind" text check ("target_kind" in ('model', 'version', 'image', 'post', 'account', 'collection')) not null, "target_id" int not null, "outcome" text check ("outcome" in ('remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock', 'account_action', 'dismiss', 'hash_only', 'quarantine', 'undo')) not null, "parameters" jsonb not null, "category" varchar(20) not null, "state" text check ("state" in ('running', 'done')) not null, "requested_at" timestamptz not null, "done_at" timestamptz null, constraint "takedown_pkey" primary key ("id"));`,
    `create index "takedown_state_id_index" on "takedown" ("state", "id");`,
    `create index "takedown_target_kind_target_id_index" on "takedown" ("target_kind", "target_id");`,
    `create index "takedown_case_id_index" on "takedown" ("case_id");`,
    `create table "takedown_step" ("takedown_id" uuid not null, "name" varchar(60) not null, "position" int not null, "state" text check ("state" in ('pending', 'done')) not null, "attempts" int not null default 0, "note" varchar(500) not null default '', "done_at" timestamptz null, constraint "takedown_step_pkey" primary key ("takedown_id", "name"));`,
  ],
};
