import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Work } from '../kit/work.ts';
import type { Uploads } from './uploads/uploads.ts';

/** What lives as long as the process and the catalogue's routes need. */
export interface CatalogueDeps {
  readonly uploads: Uploads;
  readonly limits: RateLimits;
  readonly secretKey: string;
  /** Where files of plain forms lie until they are read. */
  readonly uploadsDir: string;
  /** The work of the node itself, for what happens between requests. */
  readonly openWork: () => Work;
}
