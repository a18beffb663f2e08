import type { Uploads } from '../catalogue/uploads/uploads.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Work } from '../kit/work.ts';
import type { Exports } from './export/make.ts';
import type { Transfers } from './import/transfers.ts';

/** What the pages of this room lean on; made by the composition root. */
export interface TransferDeps {
  readonly limits: RateLimits;
  readonly publicUrl: URL;
  readonly secretKey: string;
  readonly exports: Exports;
  readonly transfers: Transfers;
  readonly uploads: Uploads;
  /** Where files of a form lie while they come in. */
  readonly uploadsDir: string;
  readonly openWork: () => Work;
}
