import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0009-moderation',
  statements: [
    `CREATE TABLE \`audit_entry\` (\`seq\` integer not null primary key autoincrement, \`at\` datetime not null, \`action\` text not null, \`subject_kind\` text not null, \`subject_id\` text not null, \`actor_id\` integer null, \`actor_role\` text not null, \`before\` json null, \`after\` json null, \`rule\` text not null default '', \`reason\` text null, \`salt\` text null, \`seal\` text not null, \`request_id\` text not null default '', \`previous_hash\` text not null, \`hash\` text not null);`,
    `CREATE INDEX \`audit_entry_action_seq_index\` on \`audit_entry\` (\`action\`, \`seq\`);`,
    `CREATE INDEX \`audit_entry_actor_id_seq_index\` on \`audit_entry\` (\`actor_id\`, \`seq\`);`,
    `CREATE INDEX \`audit_entry_subject_kind_subject_id_index\` on \`audit_entry\` (\`subject_kind\`, \`subject_id\`);`,
    `CREATE TABLE \`audit_head\` (\`id\` integer not null primary key autoincrement, \`seq\` integer not null, \`hash\` text not null);`,
    `CREATE TABLE \`audit_root\` (\`day\` text not null, \`seq\` integer not null, \`hash\` text not null, primary key (\`day\`));`,
    `CREATE TABLE \`policy_restriction\` (\`target_kind\` text check (\`target_kind\` in ('model', 'version', 'image', 'post', 'account', 'collection')) not null, \`target_id\` integer not null, \`source\` text not null, \`bits\` integer not null, \`created_at\` datetime not null, primary key (\`target_kind\`, \`target_id\`, \`source\`));`,
    `CREATE TABLE \`queue_row\` (\`id\` text not null, \`kind\` text check (\`kind\` in ('report', 'case', 'appeal', 'rating', 'upload', 'generation', 'training', 'bounty', 'hash', 'peer')) not null, \`subject_id\` text not null, \`open_key\` text not null, \`about_kind\` text not null, \`about_id\` text not null, \`title\` text not null, \`state\` text check (\`state\` in ('open', 'done')) not null, \`priority\` integer not null default 2, \`due_at\` datetime null, \`permission\` integer not null default 0, \`assignee_id\` integer null, \`locked_by_id\` integer null, \`locked_until\` datetime null, \`voice_count\` integer not null default 1, \`opened_at\` datetime not null, \`closed_at\` datetime null, \`outcome\` text not null default '', primary key (\`id\`));`,
    `CREATE INDEX \`queue_row_about_kind_about_id_index\` on \`queue_row\` (\`about_kind\`, \`about_id\`);`,
    `CREATE INDEX \`queue_row_kind_state_id_index\` on \`queue_row\` (\`kind\`, \`state\`, \`id\`);`,
    `CREATE UNIQUE INDEX \`queue_row_kind_subject_id_open_key_unique\` on \`queue_row\` (\`kind\`, \`subject_id\`, \`open_key\`);`,
    `CREATE INDEX \`queue_row_state_priority_due_at_id_index\` on \`queue_row\` (\`state\`, \`priority\`, \`due_at\`, \`id\`);`,
    `CREATE TABLE \`takedown\` (\`id\` text not null, \`case_id\` text null, \`target_kind\` text check (\`target_kind\` in ('model', 'version', 'image', 'post', 'account', 'collection')) not null, \`target_id\` integer not null, \`outcome\` text check (\`outcome\` in ('remove', 'de_attribute', 'limit', 'credit', 'licence', 're_rate', 'age_lock', 'account_action', 'dismiss', 'hash_only', 'quarantine', 'undo')) not null, \`parameters\` json not null, \`category\` text not null, \`state\` text check (\`state\` in ('running', 'done')) not null, \`requested_at\` datetime not null, \`done_at\` datetime null, primary key (\`id\`));`,
    `CREATE INDEX \`takedown_case_id_index\` on \`takedown\` (\`case_id\`);`,
    `CREATE INDEX \`takedown_state_id_index\` on \`takedown\` (\`state\`, \`id\`);`,
    `CREATE INDEX \`takedown_target_kind_target_id_index\` on \`takedown\` (\`target_kind\`, \`target_id\`);`,
    `CREATE TABLE \`takedown_step\` (\`takedown_id\` text not null, \`name\` text not null, \`position\` integer not null, \`state\` text check (\`state\` in ('pending', 'done')) not null, \`attempts\` integer not null default 0, \`note\` text not null default '', \`done_at\` datetime null, primary key (\`takedown_id\`, \`name\`));`,
  ],
};
