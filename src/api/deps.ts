import type { JudgePicture } from '../accounts/profile/pictures.ts';
import type { CatalogueDeps } from '../catalogue/deps.ts';
import type { MergeDeps } from '../compute/merging/pages/routes.ts';
import type { TrainingDeps } from '../compute/training/pages/deps.ts';
import type { FindEngineReach } from '../discovery/lists/engine-reach.ts';
import type { EconomyDeps } from '../economy/deps.ts';
import type { GalleryDeps } from '../gallery/deps.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { NotificationDeps } from '../notifications/routes.ts';
import type { TransferDeps } from '../transfer/deps.ts';

export interface ApiDeps {
  /** What the engine of this node can load, for lists that are narrowed to it. */
  readonly findReach: FindEngineReach;
  readonly publicUrl: URL;
  readonly limits: RateLimits;
  /** Ratings for those who send no token (DESIGN.md ruling 6). */
  readonly anonymousLevels: number;
  // what the pages lean on: writing calls what they call
  readonly catalogue: CatalogueDeps;
  readonly gallery: GalleryDeps;
  readonly training: TrainingDeps;
  readonly merging: MergeDeps;
  readonly economy: EconomyDeps;
  readonly notifications: NotificationDeps;
  readonly transfer: TransferDeps;
  /** Of pictures of profiles. */
  readonly judgePicture: JudgePicture;
  /** Seals the secrets of webhooks. */
  readonly secretKey: string;
}
