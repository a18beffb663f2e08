import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0010-queue',
  statements: [
    `CREATE TABLE \`approval\` (\`act\` text not null, \`subject_id\` text not null, \`account_id\` integer not null, \`approved_at\` datetime not null, primary key (\`act\`, \`subject_id\`));`,
    `CREATE TABLE \`staff_grant\` (\`account_id\` integer not null, \`bit\` integer not null, \`granted_by_id\` integer not null, \`reason\` text not null, \`created_at\` datetime not null, \`expires_at\` datetime not null, primary key (\`account_id\`, \`bit\`));`,
  ],
};
