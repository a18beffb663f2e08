import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0031-bounty-pictures',
  statements: [
    `create table \`bounty_reference__new\` (\`bounty_id\` text not null, \`image_id\` integer not null, \`position\` integer not null, constraint \`bounty_reference_bounty_id_foreign\` foreign key(\`bounty_id\`) references \`bounty\`(\`id\`) on update cascade, constraint \`bounty_reference_image_id_foreign\` foreign key(\`image_id\`) references \`image\`(\`id\`) on delete cascade on update cascade, primary key (\`bounty_id\`, \`image_id\`));`,
    `insert into \`bounty_reference__new\` (\`bounty_id\`, \`image_id\`, \`position\`) select \`bounty_id\`, \`image_id\`, \`position\` from \`bounty_reference\`;`,
    `drop table \`bounty_reference\`;`,
    `alter table \`bounty_reference__new\` rename to \`bounty_reference\`;`,
    `CREATE INDEX \`bounty_reference_bounty_id_index\` on \`bounty_reference\` (\`bounty_id\`);`,
    `CREATE INDEX \`bounty_reference_image_id_index\` on \`bounty_reference\` (\`image_id\`);`,
    `create table \`post__new\` (\`id\` integer not null primary key autoincrement, \`owner_id\` integer not null, \`version_id\` integer null, \`title\` text not null default '', \`caption\` text not null default '', \`state\` text check (\`state\` in ('draft', 'scheduled', 'published', 'unpublished', 'deleted')) not null default 'draft', \`visibility\` text check (\`visibility\` in ('public', 'unlisted', 'followers', 'direct')) not null default 'public', \`published_at\` datetime null, \`publish_at\` datetime null, \`listed_at\` datetime null, \`shown_at\` datetime null, \`deleted_at\` datetime null, \`restore_state\` text check (\`restore_state\` in ('draft', 'scheduled', 'published', 'unpublished', 'deleted')) null, \`is_local\` integer not null default true, \`level\` integer not null default 0, \`image_count\` integer not null default 0, \`like_count\` integer not null default 0, \`comment_count\` integer not null default 0, \`claimed_like_count\` integer null, \`uri\` text null, \`url\` text null, \`talk_kind\` text check (\`talk_kind\` in ('comment', 'review', 'bounty')) null, \`talk_id\` text null, \`created_at\` datetime not null, \`updated_at\` datetime not null, constraint \`post_owner_id_foreign\` foreign key(\`owner_id\`) references \`account\`(\`id\`) on update cascade, constraint \`post_version_id_foreign\` foreign key(\`version_id\`) references \`model_version\`(\`id\`) on delete set null on update cascade);`,
    `insert into \`post__new\` (\`id\`, \`owner_id\`, \`version_id\`, \`title\`, \`caption\`, \`state\`, \`visibility\`, \`published_at\`, \`publish_at\`, \`listed_at\`, \`shown_at\`, \`deleted_at\`, \`restore_state\`, \`is_local\`, \`level\`, \`image_count\`, \`like_count\`, \`comment_count\`, \`claimed_like_count\`, \`uri\`, \`url\`, \`talk_kind\`, \`talk_id\`, \`created_at\`, \`updated_at\`) select \`id\`, \`owner_id\`, \`version_id\`, \`title\`, \`caption\`, \`state\`, \`visibility\`, \`published_at\`, \`publish_at\`, \`listed_at\`, \`shown_at\`, \`deleted_at\`, \`restore_state\`, \`is_local\`, \`level\`, \`image_count\`, \`like_count\`, \`comment_count\`, \`claimed_like_count\`, \`uri\`, \`url\`, \`talk_kind\`, \`talk_id\`, \`created_at\`, \`updated_at\` from \`post\`;`,
    `drop table \`post\`;`,
    `alter table \`post__new\` rename to \`post\`;`,
    `CREATE INDEX \`post_is_local_listed_at_id_index\` on \`post\` (\`is_local\`, \`listed_at\`, \`id\`);`,
    `CREATE INDEX \`post_listed_at_id_index\` on \`post\` (\`listed_at\`, \`id\`);`,
    `CREATE INDEX \`post_owner_id_index\` on \`post\` (\`owner_id\`);`,
    `CREATE INDEX \`post_owner_id_listed_at_id_index\` on \`post\` (\`owner_id\`, \`listed_at\`, \`id\`);`,
    `CREATE INDEX \`post_owner_id_shown_at_id_index\` on \`post\` (\`owner_id\`, \`shown_at\`, \`id\`);`,
    `CREATE INDEX \`post_shown_at_id_index\` on \`post\` (\`shown_at\`, \`id\`);`,
    `CREATE INDEX \`post_state_publish_at_index\` on \`post\` (\`state\`, \`publish_at\`);`,
    `CREATE UNIQUE INDEX \`post_talk_kind_talk_id_unique\` on \`post\` (\`talk_kind\`, \`talk_id\`);`,
    `CREATE UNIQUE INDEX \`post_uri_unique\` on \`post\` (\`uri\`);`,
    `CREATE INDEX \`post_version_id_index\` on \`post\` (\`version_id\`);`,
    `CREATE INDEX \`post_version_id_listed_at_id_index\` on \`post\` (\`version_id\`, \`listed_at\`, \`id\`);`,
  ],
};
