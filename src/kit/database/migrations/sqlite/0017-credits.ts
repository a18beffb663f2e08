import type { Migration } from '../../migration.ts';
import { SQLITE_LEDGER_TRIGGERS } from '../ledger-triggers.ts';

export const migration: Migration = {
  name: '0017-credits',
  statements: [
    `CREATE TABLE \`credit_account\` (\`id\` text not null, \`kind\` text check (\`kind\` in ('person', 'node', 'escrow')) not null, \`key\` text not null, \`owner_id\` integer null, \`balance\` bigint not null default 0, \`allowance_day\` text null, primary key (\`id\`));`,
    `CREATE UNIQUE INDEX \`credit_account_key_unique\` on \`credit_account\` (\`key\`);`,
    `CREATE INDEX \`credit_account_owner_id_kind_index\` on \`credit_account\` (\`owner_id\`, \`kind\`);`,
    `CREATE TABLE \`credit_entry\` (\`id\` text not null, \`posting_id\` text not null, \`account_id\` text not null, \`amount\` bigint not null, \`at\` datetime not null, constraint \`credit_entry_posting_id_foreign\` foreign key(\`posting_id\`) references \`credit_posting\`(\`id\`) on update cascade, constraint \`credit_entry_account_id_foreign\` foreign key(\`account_id\`) references \`credit_account\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`credit_entry_account_id_at_id_index\` on \`credit_entry\` (\`account_id\`, \`at\`, \`id\`);`,
    `CREATE INDEX \`credit_entry_account_id_index\` on \`credit_entry\` (\`account_id\`);`,
    `CREATE INDEX \`credit_entry_posting_id_index\` on \`credit_entry\` (\`posting_id\`);`,
    `CREATE TABLE \`credit_hold\` (\`id\` text not null, \`payer_id\` text not null, \`escrow_id\` text not null, \`subject_kind\` text not null, \`subject_id\` text not null, \`round\` integer not null default 0, \`job_id\` text null, \`amount\` integer not null, \`credits_per_minute\` real not null, \`used_seconds\` real not null default 0, \`state\` text check (\`state\` in ('held', 'captured', 'refunded')) not null default 'held', \`created_at\` datetime not null, \`ended_at\` datetime null, constraint \`credit_hold_payer_id_foreign\` foreign key(\`payer_id\`) references \`credit_account\`(\`id\`) on update cascade, constraint \`credit_hold_escrow_id_foreign\` foreign key(\`escrow_id\`) references \`credit_account\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`credit_hold_escrow_id_index\` on \`credit_hold\` (\`escrow_id\`);`,
    `CREATE INDEX \`credit_hold_job_id_index\` on \`credit_hold\` (\`job_id\`);`,
    `CREATE INDEX \`credit_hold_payer_id_index\` on \`credit_hold\` (\`payer_id\`);`,
    `CREATE INDEX \`credit_hold_payer_id_state_index\` on \`credit_hold\` (\`payer_id\`, \`state\`);`,
    `CREATE INDEX \`credit_hold_state_id_index\` on \`credit_hold\` (\`state\`, \`id\`);`,
    `CREATE UNIQUE INDEX \`credit_hold_subject_kind_subject_id_round_unique\` on \`credit_hold\` (\`subject_kind\`, \`subject_id\`, \`round\`);`,
    `CREATE TABLE \`credit_posting\` (\`id\` text not null, \`key\` text not null, \`kind\` text not null, \`subject_kind\` text not null default '', \`subject_id\` text not null default '', \`note\` text not null default '', \`at\` datetime not null, primary key (\`id\`));`,
    `CREATE UNIQUE INDEX \`credit_posting_key_unique\` on \`credit_posting\` (\`key\`);`,
    ...SQLITE_LEDGER_TRIGGERS,
  ],
};
