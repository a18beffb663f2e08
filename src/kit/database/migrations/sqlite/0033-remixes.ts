import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0033-remixes',
  statements: [
    `create table \`image__new\` (\`id\` integer not null primary key autoincrement, \`post_id\` integer not null, \`owner_id\` integer not null, \`position\` integer not null default 0, \`sha256\` text null, \`media_type\` text not null, \`total_bytes\` bigint not null default 0, \`width\` integer not null, \`height\` integer not null, \`frame_count\` integer not null default 1, \`pdq\` text null, \`blur_hash\` text not null default '', \`placeholder\` text not null default '', \`level\` integer not null default 0, \`least_level\` integer not null default 0, \`most_level\` integer not null default 0, \`alt_text\` text not null default '', \`caption\` text not null default '', \`recipe\` json null, \`has_recipe\` integer not null default false, \`is_recipe_hidden\` integer not null default false, \`has_workflow\` integer not null default false, \`clean_sha256\` text null, \`clean_bytes\` bigint not null default 0, \`listed_at\` datetime null, \`shown_at\` datetime null, \`is_local\` integer not null default true, \`like_count\` integer not null default 0, \`comment_count\` integer not null default 0, \`collect_count\` integer not null default 0, \`trend_score\` integer null, \`rendered_at\` datetime null, \`render_error\` text null, \`generation_id\` text null, \`remix_of_id\` integer null, \`deleted_at\` datetime null, \`uri\` text null, \`remote_url\` text null, \`fetched_at\` datetime null, \`evicted_at\` datetime null, \`created_at\` datetime not null, constraint \`image_post_id_foreign\` foreign key(\`post_id\`) references \`post\`(\`id\`) on update cascade, constraint \`image_owner_id_foreign\` foreign key(\`owner_id\`) references \`account\`(\`id\`) on update cascade, constraint \`image_remix_of_id_foreign\` foreign key(\`remix_of_id\`) references \`image\`(\`id\`) on delete set null on update cascade);`,
    `insert into \`image__new\` (\`id\`, \`post_id\`, \`owner_id\`, \`position\`, \`sha256\`, \`media_type\`, \`total_bytes\`, \`width\`, \`height\`, \`frame_count\`, \`pdq\`, \`blur_hash\`, \`placeholder\`, \`level\`, \`least_level\`, \`most_level\`, \`alt_text\`, \`caption\`, \`recipe\`, \`has_recipe\`, \`is_recipe_hidden\`, \`has_workflow\`, \`clean_sha256\`, \`clean_bytes\`, \`listed_at\`, \`shown_at\`, \`is_local\`, \`like_count\`, \`comment_count\`, \`collect_count\`, \`trend_score\`, \`rendered_at\`, \`render_error\`, \`generation_id\`, \`deleted_at\`, \`uri\`, \`remote_url\`, \`fetched_at\`, \`evicted_at\`, \`created_at\`) select \`id\`, \`post_id\`, \`owner_id\`, \`position\`, \`sha256\`, \`media_type\`, \`total_bytes\`, \`width\`, \`height\`, \`frame_count\`, \`pdq\`, \`blur_hash\`, \`placeholder\`, \`level\`, \`least_level\`, \`most_level\`, \`alt_text\`, \`caption\`, \`recipe\`, \`has_recipe\`, \`is_recipe_hidden\`, \`has_workflow\`, \`clean_sha256\`, \`clean_bytes\`, \`listed_at\`, \`shown_at\`, \`is_local\`, \`like_count\`, \`comment_count\`, \`collect_count\`, \`trend_score\`, \`rendered_at\`, \`render_error\`, \`generation_id\`, \`deleted_at\`, \`uri\`, \`remote_url\`, \`fetched_at\`, \`evicted_at\`, \`created_at\` from \`image\`;`,
    `drop table \`image\`;`,
    `alter table \`image__new\` rename to \`image\`;`,
    `CREATE INDEX \`image_clean_sha256_index\` on \`image\` (\`clean_sha256\`);`,
    `CREATE INDEX \`image_collect_count_id_index\` on \`image\` (\`collect_count\`, \`id\`);`,
    `CREATE INDEX \`image_comment_count_id_index\` on \`image\` (\`comment_count\`, \`id\`);`,
    `CREATE INDEX \`image_is_local_fetched_at_index\` on \`image\` (\`is_local\`, \`fetched_at\`);`,
    `CREATE INDEX \`image_is_local_listed_at_id_index\` on \`image\` (\`is_local\`, \`listed_at\`, \`id\`);`,
    `CREATE INDEX \`image_like_count_id_index\` on \`image\` (\`like_count\`, \`id\`);`,
    `CREATE INDEX \`image_listed_at_id_index\` on \`image\` (\`listed_at\`, \`id\`);`,
    `CREATE INDEX \`image_owner_id_index\` on \`image\` (\`owner_id\`);`,
    `CREATE INDEX \`image_owner_id_shown_at_id_index\` on \`image\` (\`owner_id\`, \`shown_at\`, \`id\`);`,
    `CREATE INDEX \`image_post_id_index\` on \`image\` (\`post_id\`);`,
    `CREATE INDEX \`image_post_id_position_index\` on \`image\` (\`post_id\`, \`position\`);`,
    `CREATE INDEX \`image_remix_of_id_index\` on \`image\` (\`remix_of_id\`);`,
    `CREATE INDEX \`image_remix_of_id_listed_at_id_index\` on \`image\` (\`remix_of_id\`, \`listed_at\`, \`id\`);`,
    `CREATE INDEX \`image_sha256_index\` on \`image\` (\`sha256\`);`,
    `CREATE INDEX \`image_trend_score_id_index\` on \`image\` (\`trend_score\`, \`id\`);`,
    `CREATE UNIQUE INDEX \`image_uri_unique\` on \`image\` (\`uri\`);`,
    `alter table \`stat_day\` add column \`remixes\` integer not null default 0;`,
  ],
};
