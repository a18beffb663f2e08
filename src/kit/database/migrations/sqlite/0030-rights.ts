import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0030-rights',
  statements: [
    `CREATE TABLE \`case_licence\` (\`case_id\` text not null, \`grant_id\` text not null, \`cited_by\` text check (\`cited_by\` in ('node', 'uploader')) not null, \`cited_at\` datetime not null, \`refused_at\` datetime null, \`refuser_id\` integer null, \`reason\` text not null default '', primary key (\`case_id\`, \`grant_id\`));`,
    `CREATE INDEX \`case_licence_grant_id_index\` on \`case_licence\` (\`grant_id\`);`,
    `CREATE TABLE \`rights_grant\` (\`id\` text not null, \`offer_id\` text not null, \`licensee_id\` integer not null, \`model_id\` integer null, \`covers\` text not null, \`title\` text not null, \`uses\` json not null, \`text\` text not null, \`forbids\` text not null, \`revocation\` text not null, \`notice_days\` integer not null default 0, \`paid_credits\` integer not null default 0, \`state\` text check (\`state\` in ('asked', 'granted', 'declined', 'withdrawn', 'revoked')) not null, \`purpose\` text not null default '', \`answer\` text not null default '', \`asked_at\` datetime not null, \`decided_at\` datetime null, \`expires_at\` datetime null, \`ended_at\` datetime null, constraint \`rights_grant_offer_id_foreign\` foreign key(\`offer_id\`) references \`rights_offer\`(\`id\`) on update cascade, constraint \`rights_grant_licensee_id_foreign\` foreign key(\`licensee_id\`) references \`account\`(\`id\`) on update cascade, constraint \`rights_grant_model_id_foreign\` foreign key(\`model_id\`) references \`model\`(\`id\`) on delete set null on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`rights_grant_licensee_id_asked_at_index\` on \`rights_grant\` (\`licensee_id\`, \`asked_at\`);`,
    `CREATE INDEX \`rights_grant_licensee_id_index\` on \`rights_grant\` (\`licensee_id\`);`,
    `CREATE INDEX \`rights_grant_model_id_index\` on \`rights_grant\` (\`model_id\`);`,
    `CREATE INDEX \`rights_grant_model_id_state_index\` on \`rights_grant\` (\`model_id\`, \`state\`);`,
    `CREATE INDEX \`rights_grant_offer_id_index\` on \`rights_grant\` (\`offer_id\`);`,
    `CREATE INDEX \`rights_grant_offer_id_state_index\` on \`rights_grant\` (\`offer_id\`, \`state\`);`,
    `CREATE TABLE \`rights_offer\` (\`id\` text not null, \`owner_id\` integer not null, \`case_id\` text not null, \`covers\` text not null, \`title\` text not null, \`uses\` json not null, \`text\` text not null, \`forbids\` text not null, \`revocation\` text not null, \`notice_days\` integer not null default 0, \`price_credits\` integer null, \`days\` integer null, \`closed_at\` datetime null, \`created_at\` datetime not null, constraint \`rights_offer_owner_id_foreign\` foreign key(\`owner_id\`) references \`account\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`rights_offer_case_id_closed_at_index\` on \`rights_offer\` (\`case_id\`, \`closed_at\`);`,
    `CREATE INDEX \`rights_offer_created_at_index\` on \`rights_offer\` (\`created_at\`);`,
    `CREATE INDEX \`rights_offer_owner_id_created_at_index\` on \`rights_offer\` (\`owner_id\`, \`created_at\`);`,
    `CREATE INDEX \`rights_offer_owner_id_index\` on \`rights_offer\` (\`owner_id\`);`,
  ],
};
