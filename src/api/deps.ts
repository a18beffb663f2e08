import type { RateLimits } from '../kit/web/rate-limit.ts';

export interface ApiDeps {
  readonly publicUrl: URL;
  readonly limits: RateLimits;
  /** Ratings for those who send no token (DESIGN.md ruling 6). */
  readonly anonymousLevels: number;
}
