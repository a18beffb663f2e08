import type { CatalogueDeps } from '../catalogue/deps.ts';
import type { TrainingDeps } from '../compute/training/pages/deps.ts';
import type { GalleryDeps } from '../gallery/deps.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';

export interface ApiDeps {
  readonly publicUrl: URL;
  readonly limits: RateLimits;
  /** Ratings for those who send no token (DESIGN.md ruling 6). */
  readonly anonymousLevels: number;
  // what the pages lean on: writing calls what they call
  readonly catalogue: CatalogueDeps;
  readonly gallery: GalleryDeps;
  readonly training: TrainingDeps;
}
