import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Exports } from './export/make.ts';

/** What the pages of this room lean on; made by the composition root. */
export interface TransferDeps {
  readonly limits: RateLimits;
  readonly publicUrl: URL;
  readonly secretKey: string;
  readonly exports: Exports;
}
