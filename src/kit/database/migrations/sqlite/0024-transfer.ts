import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0024-transfer',
  statements: [
    `CREATE TABLE \`account_export\` (\`id\` text not null, \`account_id\` integer not null, \`state\` text check (\`state\` in ('making', 'ready', 'failed')) not null default 'making', \`job_id\` text null, \`documents_sha256\` text null, \`layout_sha256\` text null, \`total_bytes\` bigint not null default 0, \`entry_count\` integer not null default 0, \`left_out\` json not null, \`message\` text null, \`created_at\` datetime not null, \`finished_at\` datetime null, \`expires_at\` datetime not null, constraint \`account_export_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`account_export_account_id_index\` on \`account_export\` (\`account_id\`);`,
    `CREATE UNIQUE INDEX \`account_export_account_id_unique\` on \`account_export\` (\`account_id\`);`,
    `CREATE TABLE \`moved_page\` (\`path\` text not null, \`account_id\` integer not null, \`target\` text not null, constraint \`moved_page_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`path\`));`,
    `CREATE INDEX \`moved_page_account_id_index\` on \`moved_page\` (\`account_id\`);`,
    `CREATE TABLE \`transfer\` (\`id\` text not null, \`account_id\` integer not null, \`source\` text check (\`source\` in ('tessera', 'civitai', 'huggingface', 'folder', 'pictures')) not null, \`place\` text not null, \`who\` text not null default '', \`sealed_key\` text null, \`archive_sha256\` text null, \`state\` text check (\`state\` in ('looking', 'choosing', 'running', 'stopped', 'done', 'failed')) not null default 'looking', \`job_id\` text null, \`publishes\` integer not null default false, \`message\` text null, \`notes\` json not null, \`created_at\` datetime not null, \`updated_at\` datetime not null, constraint \`transfer_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`transfer_account_id_created_at_index\` on \`transfer\` (\`account_id\`, \`created_at\`);`,
    `CREATE INDEX \`transfer_account_id_index\` on \`transfer\` (\`account_id\`);`,
    `CREATE INDEX \`transfer_archive_sha256_index\` on \`transfer\` (\`archive_sha256\`);`,
    `CREATE TABLE \`transfer_item\` (\`id\` text not null, \`transfer_id\` text not null, \`position\` integer not null, \`kind\` text check (\`kind\` in ('profile', 'model', 'post', 'review', 'comment', 'collection', 'follow', 'block', 'mute')) not null, \`title\` text not null default '', \`total_bytes\` bigint not null default 0, \`plan\` json not null, \`state\` text check (\`state\` in ('found', 'waiting', 'done', 'held', 'known', 'failed')) not null default 'found', \`message\` text null, \`path\` text null, constraint \`transfer_item_transfer_id_foreign\` foreign key(\`transfer_id\`) references \`transfer\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`transfer_item_transfer_id_index\` on \`transfer_item\` (\`transfer_id\`);`,
    `CREATE UNIQUE INDEX \`transfer_item_transfer_id_position_unique\` on \`transfer_item\` (\`transfer_id\`, \`position\`);`,
    `CREATE INDEX \`transfer_item_transfer_id_state_position_index\` on \`transfer_item\` (\`transfer_id\`, \`state\`, \`position\`);`,
    `CREATE TABLE \`transfer_mark\` (\`account_id\` integer not null, \`key_hash\` text not null, \`origin\` text not null, \`kind\` text not null, \`target_id\` text not null, \`created_at\` datetime not null, constraint \`transfer_mark_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`account_id\`, \`key_hash\`));`,
    `CREATE INDEX \`transfer_mark_account_id_index\` on \`transfer_mark\` (\`account_id\`);`,
  ],
};
