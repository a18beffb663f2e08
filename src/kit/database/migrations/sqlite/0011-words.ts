import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0011-words',
  statements: [
    `CREATE TABLE \`first_outputs\` (\`version_id\` integer not null, \`left_count\` integer not null, primary key (\`version_id\`));`,
    `alter table \`prompt_rule_set\` add column \`activated_at\` datetime null;`,
    `create table \`safety_hold__new\` (\`id\` text not null, \`kind\` text check (\`kind\` in ('generation', 'training', 'account', 'bounty', 'image', 'model', 'post', 'collection', 'comment', 'review')) not null, \`target_id\` text not null, \`account_id\` integer not null, \`reason\` text not null, \`state\` text check (\`state\` in ('held', 'released', 'refused')) not null default 'held', \`created_at\` datetime not null, \`decided_at\` datetime null, \`decided_by_id\` integer null, constraint \`safety_hold_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on update cascade, constraint \`safety_hold_decided_by_id_foreign\` foreign key(\`decided_by_id\`) references \`account\`(\`id\`) on delete set null on update cascade, primary key (\`id\`));`,
    `insert into \`safety_hold__new\` (\`id\`, \`kind\`, \`target_id\`, \`account_id\`, \`reason\`, \`state\`, \`created_at\`, \`decided_at\`, \`decided_by_id\`) select \`id\`, \`kind\`, \`target_id\`, \`account_id\`, \`reason\`, \`state\`, \`created_at\`, \`decided_at\`, \`decided_by_id\` from \`safety_hold\`;`,
    `drop table \`safety_hold\`;`,
    `alter table \`safety_hold__new\` rename to \`safety_hold\`;`,
    `CREATE INDEX \`safety_hold_account_id_index\` on \`safety_hold\` (\`account_id\`);`,
    `CREATE INDEX \`safety_hold_decided_by_id_index\` on \`safety_hold\` (\`decided_by_id\`);`,
    `CREATE INDEX \`safety_hold_kind_target_id_index\` on \`safety_hold\` (\`kind\`, \`target_id\`);`,
    `CREATE INDEX \`safety_hold_state_id_index\` on \`safety_hold\` (\`state\`, \`id\`);`,
  ],
};
