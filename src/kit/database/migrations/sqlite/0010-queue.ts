import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0010-queue',
  statements: [
    `CREATE TABLE \`approval\` (\`act\` text not null, \`subject_id\` text not null, \`account_id\` integer not null, \`approved_at\` datetime not null, primary key (\`act\`, \`subject_id\`));`,
    `CREATE TABLE \`exposure\` (\`account_id\` integer not null, \`day\` text not null, \`count\` integer not null, primary key (\`account_id\`, \`day\`));`,
    `CREATE TABLE \`queue_decision\` (\`id\` text not null, \`row_id\` text not null, \`decided_by_id\` integer not null, \`choice\` text not null, \`level\` integer not null default 0, \`has_strike\` integer not null default false, \`rule_id\` text null, \`facts\` text not null, \`state\` text check (\`state\` in ('pending', 'done', 'undone')) not null, \`decided_at\` datetime not null, \`executes_at\` datetime not null, \`job_id\` text not null, \`takedown_id\` text null, \`done_at\` datetime null, primary key (\`id\`));`,
    `CREATE INDEX \`queue_decision_row_id_index\` on \`queue_decision\` (\`row_id\`);`,
    `CREATE INDEX \`queue_decision_takedown_id_index\` on \`queue_decision\` (\`takedown_id\`);`,
    `create table \`queue_row__new\` (\`id\` text not null, \`kind\` text check (\`kind\` in ('report', 'case', 'appeal', 'rating', 'upload', 'generation', 'training', 'bounty', 'hash', 'peer')) not null, \`subject_id\` text not null, \`open_key\` text not null, \`about_kind\` text not null, \`about_id\` text not null, \`title\` text not null, \`state\` text check (\`state\` in ('open', 'decided', 'done')) not null, \`priority\` integer not null default 2, \`due_at\` datetime null, \`permission\` integer not null default 0, \`assignee_id\` integer null, \`locked_by_id\` integer null, \`locked_until\` datetime null, \`voice_count\` integer not null default 1, \`opened_at\` datetime not null, \`closed_at\` datetime null, \`outcome\` text not null default '', primary key (\`id\`));`,
    `insert into \`queue_row__new\` (\`id\`, \`kind\`, \`subject_id\`, \`open_key\`, \`about_kind\`, \`about_id\`, \`title\`, \`state\`, \`priority\`, \`due_at\`, \`permission\`, \`assignee_id\`, \`locked_by_id\`, \`locked_until\`, \`voice_count\`, \`opened_at\`, \`closed_at\`, \`outcome\`) select \`id\`, \`kind\`, \`subject_id\`, \`open_key\`, \`about_kind\`, \`about_id\`, \`title\`, \`state\`, \`priority\`, \`due_at\`, \`permission\`, \`assignee_id\`, \`locked_by_id\`, \`locked_until\`, \`voice_count\`, \`opened_at\`, \`closed_at\`, \`outcome\` from \`queue_row\`;`,
    `drop table \`queue_row\`;`,
    `alter table \`queue_row__new\` rename to \`queue_row\`;`,
    `CREATE INDEX \`queue_row_about_kind_about_id_index\` on \`queue_row\` (\`about_kind\`, \`about_id\`);`,
    `CREATE INDEX \`queue_row_kind_state_id_index\` on \`queue_row\` (\`kind\`, \`state\`, \`id\`);`,
    `CREATE UNIQUE INDEX \`queue_row_kind_subject_id_open_key_unique\` on \`queue_row\` (\`kind\`, \`subject_id\`, \`open_key\`);`,
    `CREATE INDEX \`queue_row_state_priority_due_at_id_index\` on \`queue_row\` (\`state\`, \`priority\`, \`due_at\`, \`id\`);`,
    `CREATE TABLE \`report\` (\`id\` text not null, \`row_id\` text not null, \`reporter_id\` integer not null, \`about_kind\` text check (\`about_kind\` in ('model', 'version', 'image', 'post', 'comment', 'review', 'collection', 'account')) not null, \`about_id\` text not null, \`category\` text check (\`category\` in ('minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy', 'rating', 'malware', 'harassment', 'spam', 'other')) not null, \`rule_id\` text null, \`text\` text not null default '', \`link\` text not null default '', \`level\` integer not null default 0, \`snapshot\` json not null, \`weight\` integer not null, \`created_at\` datetime not null, \`added_at\` datetime not null, \`closed_at\` datetime null, \`outcome\` text not null default '', primary key (\`id\`));`,
    `CREATE INDEX \`report_about_kind_about_id_index\` on \`report\` (\`about_kind\`, \`about_id\`);`,
    `CREATE INDEX \`report_reporter_id_created_at_index\` on \`report\` (\`reporter_id\`, \`created_at\`);`,
    `CREATE UNIQUE INDEX \`report_row_id_reporter_id_unique\` on \`report\` (\`row_id\`, \`reporter_id\`);`,
    `CREATE TABLE \`rule\` (\`id\` text not null, \`number\` integer not null, \`version\` integer not null, \`title\` text not null, \`text\` text not null, \`category\` text check (\`category\` in ('minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy', 'rating', 'malware', 'harassment', 'spam', 'other')) not null, \`created_at\` datetime not null, \`retired_at\` datetime null, primary key (\`id\`));`,
    `CREATE UNIQUE INDEX \`rule_number_version_unique\` on \`rule\` (\`number\`, \`version\`);`,
    `CREATE INDEX \`rule_retired_at_number_index\` on \`rule\` (\`retired_at\`, \`number\`);`,
    `CREATE TABLE \`staff_grant\` (\`account_id\` integer not null, \`bit\` integer not null, \`granted_by_id\` integer not null, \`reason\` text not null, \`created_at\` datetime not null, \`expires_at\` datetime not null, primary key (\`account_id\`, \`bit\`));`,
  ],
};
