import type { Migration } from '../../migration.ts';
import { SHOW_WHAT_WAS_PUBLISHED } from '../shown-before.ts';

export const migration: Migration = { name: '0004-shown-before', statements: SHOW_WHAT_WAS_PUBLISHED };
