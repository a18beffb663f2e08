import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0018-api-apps',
  statements: [
    `CREATE TABLE \`api_once\` (\`id\` text not null, \`account_id\` integer not null, \`key\` text not null, \`fingerprint\` text not null, \`status\` integer null, \`answer\` json null, \`created_at\` datetime not null, constraint \`api_once_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`api_once_account_id_index\` on \`api_once\` (\`account_id\`);`,
    `CREATE UNIQUE INDEX \`api_once_account_id_key_unique\` on \`api_once\` (\`account_id\`, \`key\`);`,
    `alter table \`api_token\` add column \`kind\` text check (\`kind\` in ('personal', 'app')) not null default 'personal';`,
    `CREATE TABLE \`oauth_client\` (\`id\` text not null, \`name\` text not null, \`redirect_uris\` json not null, \`auth_method\` text check (\`auth_method\` in ('none', 'client_secret_basic', 'client_secret_post')) not null, \`secret_hash\` text null, \`created_at\` datetime not null, primary key (\`id\`));`,
    `CREATE INDEX \`oauth_client_created_at_index\` on \`oauth_client\` (\`created_at\`);`,
    `CREATE TABLE \`oauth_grant\` (\`id\` text not null, \`token_id\` text not null, \`client_id\` text not null, \`redeemed_at\` datetime null, \`created_at\` datetime not null, constraint \`oauth_grant_token_id_foreign\` foreign key(\`token_id\`) references \`api_token\`(\`id\`) on delete cascade on update cascade, constraint \`oauth_grant_client_id_foreign\` foreign key(\`client_id\`) references \`oauth_client\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`oauth_grant_client_id_index\` on \`oauth_grant\` (\`client_id\`);`,
    `CREATE INDEX \`oauth_grant_token_id_index\` on \`oauth_grant\` (\`token_id\`);`,
    `CREATE UNIQUE INDEX \`oauth_grant_token_id_unique\` on \`oauth_grant\` (\`token_id\`);`,
    `CREATE TABLE \`oauth_secret\` (\`id\` text not null, \`grant_id\` text not null, \`kind\` text check (\`kind\` in ('code', 'refresh')) not null, \`hash\` text not null, \`redirect_uri\` text null, \`challenge\` text null, \`used_at\` datetime null, \`created_at\` datetime not null, \`expires_at\` datetime not null, constraint \`oauth_secret_grant_id_foreign\` foreign key(\`grant_id\`) references \`oauth_grant\`(\`id\`) on delete cascade on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`oauth_secret_grant_id_index\` on \`oauth_secret\` (\`grant_id\`);`,
    `CREATE UNIQUE INDEX \`oauth_secret_hash_unique\` on \`oauth_secret\` (\`hash\`);`,
  ],
};
