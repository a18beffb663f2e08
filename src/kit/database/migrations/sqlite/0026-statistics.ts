import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0026-statistics',
  statements: [
    `CREATE INDEX \`download_mark_day_version_id_index\` on \`download_mark\` (\`day\`, \`version_id\`);`,
    `CREATE INDEX \`follow_created_at_index\` on \`follow\` (\`created_at\`);`,
    `CREATE INDEX \`generation_created_at_id_index\` on \`generation\` (\`created_at\`, \`id\`);`,
    `create table \`notification_setting__new\` (\`account_id\` integer not null, \`page_off\` integer not null default 16384, \`mail_off\` integer not null default 49152, \`push_off\` integer not null default 531489, \`digest\` text check (\`digest\` in ('off', 'daily', 'weekly')) not null default 'off', \`digest_at\` datetime null, constraint \`notification_setting_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`account_id\`));`,
    `insert into \`notification_setting__new\` (\`account_id\`, \`page_off\`, \`mail_off\`, \`push_off\`, \`digest\`, \`digest_at\`) select \`account_id\`, \`page_off\`, \`mail_off\`, \`push_off\`, \`digest\`, \`digest_at\` from \`notification_setting\`;`,
    `drop table \`notification_setting\`;`,
    `alter table \`notification_setting__new\` rename to \`notification_setting\`;`,
    `CREATE INDEX \`notification_setting_digest_digest_at_index\` on \`notification_setting\` (\`digest\`, \`digest_at\`);`,
    `CREATE INDEX \`reaction_created_at_index\` on \`reaction\` (\`created_at\`);`,
    `CREATE TABLE \`stat_day\` (\`account_id\` integer not null, \`model_id\` integer not null, \`day\` text not null, \`downloads\` integer not null default 0, \`generations\` integer not null default 0, \`pictures\` integer not null default 0, \`likes\` integer not null default 0, \`followers\` integer not null default 0, constraint \`stat_day_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`account_id\`, \`model_id\`, \`day\`));`,
    `CREATE INDEX \`stat_day_account_id_index\` on \`stat_day\` (\`account_id\`);`,
    `CREATE INDEX \`stat_day_day_index\` on \`stat_day\` (\`day\`);`,
  ],
};
