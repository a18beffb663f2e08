import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0009-hashes',
  statements: [
    `create table \`dataset_item__new\` (\`id\` text not null, \`dataset_id\` text not null, \`position\` integer not null, \`file_name\` text not null, \`sha256\` text not null, \`total_bytes\` integer not null, \`media_type\` text not null, \`width\` integer not null, \`height\` integer not null, \`thumb_sha256\` text null, \`thumb_bytes\` integer not null default 0, \`likeness\` text not null, \`pdq\` text null, \`held_at\` datetime null, \`origin\` text check (\`origin\` in ('camera', 'phone', 'edited', 'generated', 'unknown')) not null default 'unknown', \`face_count\` integer null, \`caption\` text not null default '', \`auto_caption\` json null, \`rotation\` integer not null default 0, \`crop\` json null, \`repeats\` integer not null default 0, \`created_at\` datetime not null, \`deleted_at\` datetime null, constraint \`dataset_item_dataset_id_foreign\` foreign key(\`dataset_id\`) references \`dataset\`(\`id\`) on update cascade, primary key (\`id\`));`,
    `insert into \`dataset_item__new\` (\`id\`, \`dataset_id\`, \`position\`, \`file_name\`, \`sha256\`, \`total_bytes\`, \`media_type\`, \`width\`, \`height\`, \`thumb_sha256\`, \`thumb_bytes\`, \`likeness\`, \`origin\`, \`face_count\`, \`caption\`, \`auto_caption\`, \`rotation\`, \`crop\`, \`repeats\`, \`created_at\`, \`deleted_at\`) select \`id\`, \`dataset_id\`, \`position\`, \`file_name\`, \`sha256\`, \`total_bytes\`, \`media_type\`, \`width\`, \`height\`, \`thumb_sha256\`, \`thumb_bytes\`, \`likeness\`, \`origin\`, \`face_count\`, \`caption\`, \`auto_caption\`, \`rotation\`, \`crop\`, \`repeats\`, \`created_at\`, \`deleted_at\` from \`dataset_item\`;`,
    `drop table \`dataset_item\`;`,
    `alter table \`dataset_item__new\` rename to \`dataset_item\`;`,
    `CREATE INDEX \`dataset_item_dataset_id_index\` on \`dataset_item\` (\`dataset_id\`);`,
    `CREATE UNIQUE INDEX \`dataset_item_dataset_id_sha256_unique\` on \`dataset_item\` (\`dataset_id\`, \`sha256\`);`,
    `CREATE INDEX \`dataset_item_sha256_index\` on \`dataset_item\` (\`sha256\`);`,
    `CREATE INDEX \`dataset_item_thumb_sha256_index\` on \`dataset_item\` (\`thumb_sha256\`);`,
    `CREATE TABLE \`hash_bank\` (\`id\` integer not null primary key autoincrement, \`version\` integer not null default 0);`,
    `CREATE TABLE \`hash_block\` (\`id\` text not null, \`kind\` text check (\`kind\` in ('file', 'tensors', 'picture')) not null, \`hash\` text not null, \`quality\` integer not null default 100, \`variants\` text not null default '', \`category\` text check (\`category\` in ('minor', 'ncii', 'likeness', 'copyright', 'style', 'other')) not null, \`is_severe\` integer not null, \`source_case_id\` text null, \`added_by_id\` integer null, \`note\` text not null default '', \`added_at\` datetime not null, \`rescanned_at\` datetime null, \`lifted_at\` datetime null, constraint \`hash_block_added_by_id_foreign\` foreign key(\`added_by_id\`) references \`account\`(\`id\`) on delete set null on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`hash_block_added_by_id_index\` on \`hash_block\` (\`added_by_id\`);`,
    `CREATE INDEX \`hash_block_kind_hash_index\` on \`hash_block\` (\`kind\`, \`hash\`);`,
    `CREATE TABLE \`hash_hit\` (\`id\` text not null, \`block_id\` text not null, \`door\` text not null, \`account_id\` integer null, \`target_kind\` text null, \`target_id\` text null, \`digest\` text not null, \`distance\` integer null, \`verdict\` text check (\`verdict\` in ('allow', 'review', 'hold', 'refuse')) not null, \`at\` datetime not null, \`handled_at\` datetime null, constraint \`hash_hit_block_id_foreign\` foreign key(\`block_id\`) references \`hash_block\`(\`id\`) on update cascade, constraint \`hash_hit_account_id_foreign\` foreign key(\`account_id\`) references \`account\`(\`id\`) on delete set null on update cascade, primary key (\`id\`));`,
    `CREATE INDEX \`hash_hit_account_id_index\` on \`hash_hit\` (\`account_id\`);`,
    `CREATE INDEX \`hash_hit_block_id_index\` on \`hash_hit\` (\`block_id\`);`,
    `CREATE INDEX \`hash_hit_handled_at_at_index\` on \`hash_hit\` (\`handled_at\`, \`at\`);`,
    `alter table \`image\` add column \`pdq\` text null;`,
    `alter table \`upload\` add column \`is_withheld\` integer not null default false;`,
  ],
};
