import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0010-queue',
  statements: [
    `create table "approval" ("act" varchar(40) not null, "subject_id" varchar(120) not null, "account_id" int not null, "approved_at" timestamptz not null, constraint "approval_pkey" primary key ("act", "subject_id"));`,
    `create table "exposure" ("account_id" int not null, "day" varchar(10) not null, "count" int not null, constraint "exposure_pkey" primary key ("account_id", "day"));`,
    `create table "queue_decision" ("id" uuid not null, "row_id" uuid not null, "decided_by_id" int not null, "choice" varchar(40) not null, "level" smallint not null default 0, "has_strike" boolean not null default false, "rule_id" uuid null, "facts" text not null, "state" text check ("state" in ('pending', 'done', 'undone')) not null, "decided_at" timestamptz not null, "executes_at" timestamptz not null, "job_id" uuid not null, "takedown_id" uuid null, "done_at" timestamptz null, constraint "queue_decision_pkey" primary key ("id"));`,
    `create index "queue_decision_row_id_index" on "queue_decision" ("row_id");`,
    `create index "queue_decision_takedown_id_index" on "queue_decision" ("takedown_id");`,
    `create table "report" ("id" uuid not null, "row_id" uuid not null, "reporter_id" int not null, "about_kind" text check ("about_kind" in ('model', 'version', 'image', 'post', 'comment', 'review', 'collection', 'account')) not null, "about_id" varchar(120) not null, "category" text check ("category" in ('minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy', 'rating', 'malware', 'harassment', 'spam', 'other')) not null, "rule_id" uuid null, "text" text not null default '', "link" varchar(2048) not null default '', "level" smallint not null default 0, "snapshot" jsonb not null, "weight" smallint not null, "created_at" timestamptz not null, "added_at" timestamptz not null, "closed_at" timestamptz null, "outcome" varchar(40) not null default '', constraint "report_pkey" primary key ("id"));`,
    `create index "report_reporter_id_created_at_index" on "report" ("reporter_id", "created_at");`,
    `create index "report_about_kind_about_id_index" on "report" ("about_kind", "about_id");`,
    `alter table "report" add constraint "report_row_id_reporter_id_unique" unique ("row_id", "reporter_id");`,
    `create table "rule" ("id" uuid not null, "number" int not null, "version" int not null, "title" varchar(120) not null, "text" text not null, "category" text check ("category" in ('minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy', 'rating', 'malware', 'harassment', 'spam', 'other')) not null, "created_at" timestamptz not null, "retired_at" timestamptz null, constraint "rule_pkey" primary key ("id"));`,
    `create index "rule_retired_at_number_index" on "rule" ("retired_at", "number");`,
    `alter table "rule" add constraint "rule_number_version_unique" unique ("number", "version");`,
    `create table "staff_grant" ("account_id" int not null, "bit" int not null, "granted_by_id" int not null, "reason" varchar(200) not null, "created_at" timestamptz not null, "expires_at" timestamptz not null, constraint "staff_grant_pkey" primary key ("account_id", "bit"));`,
    `alter table "queue_row" drop constraint if exists "queue_row_state_check";`,
    `alter table "queue_row" add constraint "queue_row_state_check" check("state" in ('open', 'decided', 'done'));`,
  ],
};
