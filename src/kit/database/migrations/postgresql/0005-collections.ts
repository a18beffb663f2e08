import type { Migration } from '../../migration.ts';
import { KEEP_ORDER_OF_COLLECTIONS } from '../collection-order.ts';

export const migration: Migration = {
  name: '0005-collections',
  statements: [
    `create table "collection_refusal" ("id" uuid not null, "collection_id" int not null, "account_id" int not null, "model_id" int null, "post_id" int null, "image_id" int null, "uri" varchar(2048) null, "created_at" timestamptz not null, constraint "collection_refusal_pkey" primary key ("id"));`,
    `alter table "collection_refusal" add constraint "collection_refusal_uri_unique" unique ("uri");`,
    `create index "collection_refusal_account_id_index" on "collection_refusal" ("account_id");`,
    `create index "collection_refusal_model_id_index" on "collection_refusal" ("model_id");`,
    `create index "collection_refusal_post_id_index" on "collection_refusal" ("post_id");`,
    `create index "collection_refusal_image_id_index" on "collection_refusal" ("image_id");`,
    `alter table "collection_refusal" add constraint "collection_refusal_collection_id_model_id_unique" unique ("collection_id", "model_id");`,
    `alter table "collection_refusal" add constraint "collection_refusal_collection_id_post_id_unique" unique ("collection_id", "post_id");`,
    `alter table "collection_refusal" add constraint "collection_refusal_collection_id_image_id_unique" unique ("collection_id", "image_id");`,
    `alter table "collection_refusal" add constraint "collection_refusal_collection_id_foreign" foreign key ("collection_id") references "collection" ("id") on update cascade on delete cascade;`,
    `alter table "collection_refusal" add constraint "collection_refusal_account_id_foreign" foreign key ("account_id") references "account" ("id") on update cascade on delete cascade;`,
    `alter table "collection_refusal" add constraint "collection_refusal_model_id_foreign" foreign key ("model_id") references "model" ("id") on update cascade on delete cascade;`,
    `alter table "collection_refusal" add constraint "collection_refusal_post_id_foreign" foreign key ("post_id") references "post" ("id") on update cascade on delete cascade;`,
    `alter table "collection_refusal" add constraint "collection_refusal_image_id_foreign" foreign key ("image_id") references "image" ("id") on update cascade on delete cascade;`,
    `alter table "policy_state" drop constraint if exists "policy_state_target_kind_check";`,
    `alter table "collection" add column "cover_item_id" uuid null;`,
    `alter table "policy_state" add constraint "policy_state_target_kind_check" check("target_kind" in ('model', 'version', 'image', 'post', 'account', 'collection'));`,
    `alter table "collection_item" add column "image_id" int null, add column "position" int not null default 0;`,
    `alter table "collection_item" add constraint "collection_item_image_id_foreign" foreign key ("image_id") references "image" ("id") on update cascade on delete cascade;`,
    `create index "collection_item_collection_id_position_id_index" on "collection_item" ("collection_id", "position", "id");`,
    `create index "collection_item_image_id_index" on "collection_item" ("image_id");`,
    `alter table "collection_item" add constraint "collection_item_collection_id_image_id_unique" unique ("collection_id", "image_id");`,
    KEEP_ORDER_OF_COLLECTIONS,
  ],
};
