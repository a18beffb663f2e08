import type { Migration } from '../../migration.ts';

export const migration: Migration = {
  name: '0034-look-up-uses',
  statements: [
    `create index model_allows_none on model (id) where cast(allow_commercial_use as text) like '%"None"%';`,
    `create index model_allows_image on model (id) where cast(allow_commercial_use as text) like '%"Image"%';`,
    `create index model_allows_rentcivit on model (id) where cast(allow_commercial_use as text) like '%"RentCivit"%';`,
    `create index model_allows_rent on model (id) where cast(allow_commercial_use as text) like '%"Rent"%';`,
    `create index model_allows_sell on model (id) where cast(allow_commercial_use as text) like '%"Sell"%';`,
    `create index "model_file_total_bytes_version_id_index" on "model_file" ("total_bytes", "version_id");`,
  ],
};
