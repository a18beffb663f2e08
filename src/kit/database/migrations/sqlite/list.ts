import type { Migration } from '../../migration.ts';
import { migration as m0001 } from './0001-initial.ts';
import { migration as m0002 } from './0002-search.ts';

/** Written by `npm run migration`. */
export const migrations: readonly Migration[] = [m0001, m0002];
