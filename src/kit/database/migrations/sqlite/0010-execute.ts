import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0010-execute',
  statements: [
    `create table \`generation__new\` (\`id\` text not null, \`account_id\` integer not null, \`request\` json not null, \`state\` text check (\`state\` in ('queued', 'running', 'done', 'failed', 'cancelled')) not null default 'queued', \`job_id\` text null, \`error\` text null, \`policy_epoch\` integer not null default 0, \`withheld_at\` datetime null, \`warnings\` json null, \`start_sha256\` text null, \`mask_sha256\` text null, \`created_at\` datetime not null, \`finished_at\` datetime null, \`deleted_at\` datetime null, constraint \`generation_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `insert into \`generation__new\` (\`id\`, \`account_id\`, \`request\`, \`state\`, \`job_id\`, \`error\`, \`warnings\`, \`start_sha256\`, \`mask_sha256\`, \`created_at\`, \`finished_at\`, \`deleted_at\`) select \`id\`, \`account_id\`, \`request\`, \`state\`, \`job_id\`, \`error\`, \`warnings\`, \`start_sha256\`, \`mask_sha256\`, \`created_at\`, \`finished_at\`, \`deleted_at\` from \`generation\`;`,
    `drop table \`generation\`;`,
    `alter table \`generation__new\` rename to \`generation\`;`,
    `CREATE INDEX \`generation_account_id_id_index\` on \`generation\` (\`account_id\`, \`id\`);`,
    `CREATE INDEX \`generation_account_id_index\` on \`generation\` (\`account_id\`);`,
    `CREATE INDEX \`generation_mask_sha256_index\` on \`generation\` (\`mask_sha256\`);`,
    `CREATE INDEX \`generation_start_sha256_index\` on \`generation\` (\`start_sha256\`);`,
    `alter table \`model\` add column \`credit_line\` text not null default '';`,
    `alter table \`model_file\` add column \`replaces\` text null;`,
    `CREATE TABLE \`name_lock\` (\`id\` text not null, \`model_id\` integer not null, \`name_key\` text not null, \`takedown_id\` text not null, \`case_id\` text null, \`created_at\` datetime not null, primary key (\`id\`));`,
    `CREATE UNIQUE INDEX \`name_lock_model_id_name_key_unique\` on \`name_lock\` (\`model_id\`, \`name_key\`);`,
    `CREATE INDEX \`name_lock_takedown_id_index\` on \`name_lock\` (\`takedown_id\`);`,
    `CREATE TABLE \`takedown_trace\` (\`id\` text not null, \`takedown_id\` text not null, \`kind\` text check (\`kind\` in ('model_file', 'image', 'model', 'account', 'collection_item', 'pin', 'words', 'recipe')) not null, \`subject_id\` text not null, \`digest\` text null, \`facts\` json not null, \`taken_at\` datetime not null, \`cleared_at\` datetime null, \`purged_at\` datetime null, \`restored_at\` datetime null, primary key (\`id\`));`,
    `CREATE INDEX \`takedown_trace_digest_index\` on \`takedown_trace\` (\`digest\`);`,
    `CREATE UNIQUE INDEX \`takedown_trace_takedown_id_kind_subject_id_unique\` on \`takedown_trace\` (\`takedown_id\`, \`kind\`, \`subject_id\`);`,
    `alter table \`training_run\` add column \`policy_epoch\` integer not null default 0;`,
  ],
};
