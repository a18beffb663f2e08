import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0010-queue',
  statements: [
    `create table "approval" ("act" varchar(40) not null, "subject_id" varchar(120) not null, "account_id" int not null, "approved_at" timestamptz not null, constraint "approval_pkey" primary key ("act", "subject_id"));`,
    `create table "staff_grant" ("account_id" int not null, "bit" int not null, "granted_by_id" int not null, "reason" varchar(200) not null, "created_at" timestamptz not null, "expires_at" timestamptz not null, constraint "staff_grant_pkey" primary key ("account_id", "bit"));`,
  ],
};
