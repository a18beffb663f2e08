import type { Migration } from '../../migration.ts';
import { GIVE_MODERATION_ITS_ROWS } from '../moderation-rows.ts';

export const migration: Migration = { name: '0010-moderation-rows', statements: GIVE_MODERATION_ITS_ROWS };
