import type { Migration } from '../../migration.ts';
import { migration as m0001 } from './0001-initial.ts';

/** Written by `npm run migration`. */
export const migrations: readonly Migration[] = [m0001];
