import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0021-lineage-merging',
  statements: [
    `create table \`gpu_use__new\` (\`job_id\` text not null, \`fence\` integer not null, \`engine_id\` text not null, \`account_id\` integer null, \`job_class\` text check (\`job_class\` in ('interactive', 'batch')) not null, \`kind\` text check (\`kind\` in ('generation', 'training', 'caption', 'merge')) not null, \`estimated_seconds\` real not null, \`seconds\` real not null, \`is_refunded\` integer not null, \`ended_at\` datetime not null, primary key (\`job_id\`, \`fence\`));`,
    `insert into \`gpu_use__new\` (\`job_id\`, \`fence\`, \`engine_id\`, \`account_id\`, \`job_class\`, \`kind\`, \`estimated_seconds\`, \`seconds\`, \`is_refunded\`, \`ended_at\`) select \`job_id\`, \`fence\`, \`engine_id\`, \`account_id\`, \`job_class\`, \`kind\`, \`estimated_seconds\`, \`seconds\`, \`is_refunded\`, \`ended_at\` from \`gpu_use\`;`,
    `drop table \`gpu_use\`;`,
    `alter table \`gpu_use__new\` rename to \`gpu_use\`;`,
    `CREATE INDEX \`gpu_use_account_id_ended_at_index\` on \`gpu_use\` (\`account_id\`, \`ended_at\`);`,
    `CREATE INDEX \`gpu_use_ended_at_index\` on \`gpu_use\` (\`ended_at\`);`,
    `alter table \`lineage\` add column \`basis\` text check (\`basis\` in ('file', 'owner', 'made')) not null default 'owner';`,
    `CREATE TABLE \`merge_run\` (\`id\` text not null, \`owner_id\` integer not null, \`name\` text not null, \`kind\` text check (\`kind\` in ('checkpoint', 'lora')) not null, \`family\` text not null, \`base_model\` text not null, \`parts\` json not null, \`params\` json not null, \`state\` text check (\`state\` in ('queued', 'running', 'done', 'failed', 'cancelled')) not null default 'queued', \`job_id\` text null, \`round\` integer not null default 0, \`error\` text null, \`warnings\` json null, \`policy_epoch\` integer not null default 0, \`sha256\` text null, \`total_bytes\` bigint not null default 0, \`rank\` integer null, \`published_version_id\` integer null, \`created_at\` datetime not null, \`finished_at\` datetime null, constraint \`merge_run_owner_id_foreign\` foreign key(\`owner_id\`) references \`account\`(\`id\`) on update cascade, constraint \`merge_run_published_version_id_foreign\` foreign key(\`published_version_id\`) references \`model_version\`(\`id\`) on delete set null on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`merge_run_owner_id_id_index\` on \`merge_run\` (\`owner_id\`, \`id\`);`,
    `CREATE INDEX \`merge_run_owner_id_index\` on \`merge_run\` (\`owner_id\`);`,
    `CREATE INDEX \`merge_run_published_version_id_index\` on \`merge_run\` (\`published_version_id\`);`,
    `CREATE INDEX \`merge_run_sha256_index\` on \`merge_run\` (\`sha256\`);`,
  ],
};
