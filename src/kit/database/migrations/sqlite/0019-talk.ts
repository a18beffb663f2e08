import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0019-talk',
  statements: [
    `CREATE TABLE \`notification\` (\`id\` integer not null primary key autoincrement, \`account_id\` integer not null, \`actor_id\` integer null, \`kind\` text not null, \`subject_kind\` text not null, \`subject_id\` text not null, \`comment_id\` text null, \`note\` text not null default '', \`key\` text not null, \`group_key\` text not null, \`channels\` integer not null, \`created_at\` datetime not null, \`read_at\` datetime null, constraint \`notification_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, constraint \`notification_actor_id_foreign\` foreign key(\`actor_id\`) references \`account\`(\`id\`) on delete cascade on update cascade);`,
    `CREATE INDEX \`notification_account_id_id_index\` on \`notification\` (\`account_id\`, \`id\`);`,
    `CREATE INDEX \`notification_account_id_index\` on \`notification\` (\`account_id\`);`,
    `CREATE INDEX \`notification_account_id_read_at_index\` on \`notification\` (\`account_id\`, \`read_at\`);`,
    `CREATE INDEX \`notification_actor_id_index\` on \`notification\` (\`actor_id\`);`,
    `CREATE INDEX \`notification_created_at_index\` on \`notification\` (\`created_at\`);`,
    `CREATE UNIQUE INDEX \`notification_key_account_id_unique\` on \`notification\` (\`key\`, \`account_id\`);`,
    `CREATE TABLE \`notification_setting\` (\`account_id\` integer not null, \`page_off\` integer not null default 16384, \`mail_off\` integer not null default 49152, \`push_off\` integer not null default 7201, \`digest\` text check (\`digest\` in ('off', 'daily', 'weekly')) not null default 'off', \`digest_at\` datetime null, constraint \`notification_setting_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`account_id\`));`,
    `CREATE INDEX \`notification_setting_digest_digest_at_index\` on \`notification_setting\` (\`digest\`, \`digest_at\`);`,
    `alter table \`outbox_mail\` add column \`unsubscribe_url\` text null;`,
    `CREATE TABLE \`push_subscription\` (\`id\` text not null, \`account_id\` integer not null, \`endpoint\` text not null, \`p256dh\` text not null, \`auth\` text not null, \`label\` text not null default '', \`created_at\` datetime not null, \`last_used_at\` datetime null, constraint \`push_subscription_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`push_subscription_account_id_index\` on \`push_subscription\` (\`account_id\`);`,
    `CREATE UNIQUE INDEX \`push_subscription_endpoint_unique\` on \`push_subscription\` (\`endpoint\`);`,
    `CREATE TABLE \`webhook\` (\`id\` text not null, \`account_id\` integer not null, \`is_node_wide\` integer not null default false, \`url\` text not null, \`events\` integer not null, \`secret\` text not null, \`previous_secret\` text null, \`previous_until\` datetime null, \`failure_count\` integer not null default 0, \`disabled_at\` datetime null, \`created_at\` datetime not null, constraint \`webhook_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`webhook_account_id_index\` on \`webhook\` (\`account_id\`);`,
    `CREATE INDEX \`webhook_is_node_wide_index\` on \`webhook\` (\`is_node_wide\`);`,
    `CREATE TABLE \`webhook_delivery\` (\`id\` text not null, \`webhook_id\` text not null, \`event\` text not null, \`key\` text not null, \`body\` text not null, \`state\` text check (\`state\` in ('pending', 'delivered', 'failed')) not null default 'pending', \`attempts\` integer not null default 0, \`status\` integer null, \`error\` text not null default '', \`created_at\` datetime not null, \`tried_at\` datetime null, constraint \`webhook_delivery_webhook_id_foreign\` foreign key(\`webhook_id\`) references \`webhook\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`webhook_delivery_created_at_index\` on \`webhook_delivery\` (\`created_at\`);`,
    `CREATE INDEX \`webhook_delivery_webhook_id_created_at_id_index\` on \`webhook_delivery\` (\`webhook_id\`, \`created_at\`, \`id\`);`,
    `CREATE INDEX \`webhook_delivery_webhook_id_index\` on \`webhook_delivery\` (\`webhook_id\`);`,
    `CREATE UNIQUE INDEX \`webhook_delivery_webhook_id_key_unique\` on \`webhook_delivery\` (\`webhook_id\`, \`key\`);`,
  ],
};
