import { fileURLToPath } from 'node:url';

/** The built program, as `npm run cli` starts it: `npm test` builds it first, and it loads three times as fast as its source. */
export const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url));
