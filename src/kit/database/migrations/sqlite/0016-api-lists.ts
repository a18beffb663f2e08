import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0016-api-lists',
  statements: [
    `alter table \`image\` add column \`collect_count\` integer not null default 0;`,
    `CREATE INDEX \`image_collect_count_id_index\` on \`image\` (\`collect_count\`, \`id\`);`,
    `CREATE INDEX \`image_comment_count_id_index\` on \`image\` (\`comment_count\`, \`id\`);`,
    `alter table \`model\` add column \`collect_count\` integer not null default 0;`,
    `CREATE INDEX \`model_collect_count_id_index\` on \`model\` (\`collect_count\`, \`id\`);`,
    `CREATE INDEX \`model_comment_count_id_index\` on \`model\` (\`comment_count\`, \`id\`);`,
    `CREATE INDEX \`model_image_count_id_index\` on \`model\` (\`image_count\`, \`id\`);`,
  ],
};
