import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0012-claim-proofs',
  statements: [
    `CREATE TABLE \`artist_proof\` (\`case_id\` text not null, \`url\` text not null, \`state\` text check (\`state\` in ('waiting', 'proven', 'failed')) not null, \`reason\` text not null default '', \`way\` text check (\`way\` in ('link', 'text')) null, \`tries\` integer not null default 0, \`asked_at\` datetime not null, \`checked_at\` datetime null, primary key (\`case_id\`));`,
    `CREATE TABLE \`authority_order\` (\`case_id\` text not null, \`authority\` text not null, \`reference\` text not null, \`received_at\` datetime not null, primary key (\`case_id\`));`,
    `CREATE INDEX \`authority_order_received_at_index\` on \`authority_order\` (\`received_at\`);`,
    `CREATE TABLE \`case_attachment\` (\`id\` text not null, \`case_id\` text not null, \`message_id\` text not null, \`thread\` text check (\`thread\` in ('claimant', 'uploader', 'joint')) not null, \`sha256\` text not null, \`total_bytes\` integer not null, \`width\` integer not null, \`height\` integer not null, \`created_at\` datetime not null, primary key (\`id\`));`,
    `CREATE INDEX \`case_attachment_case_id_id_index\` on \`case_attachment\` (\`case_id\`, \`id\`);`,
    `CREATE TABLE \`counter_draft\` (\`case_id\` text not null, \`sealed\` text not null, \`text\` text not null, \`missing\` json not null, \`written_at\` datetime not null, primary key (\`case_id\`));`,
    `CREATE TABLE \`identity_proof\` (\`case_id\` text not null, \`party\` text check (\`party\` in ('claimant', 'uploader')) not null, \`sealed\` text null, \`sent_at\` datetime not null, \`opened_at\` datetime null, \`opener_id\` integer null, \`outcome\` text check (\`outcome\` in ('shown', 'not-shown', 'unseen')) null, \`deleted_at\` datetime null, primary key (\`case_id\`, \`party\`));`,
  ],
};
