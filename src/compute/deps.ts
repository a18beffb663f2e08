import type { ImageLimits } from '../gallery/deps.ts';
import type { Settings } from '../kit/settings.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Generator } from './generator.ts';

/** What the pages of generation lean on; made by the composition root. */
export interface ComputeDeps extends ImageLimits {
  readonly generator: Generator;
  readonly limits: RateLimits;
  readonly settings: Settings;
  /** Where a picture lies while it comes in. */
  readonly uploadsDir: string;
  /** Name and version of the program, for recipes. */
  readonly programVersion: string;
}
