import type { Uploads } from '../../catalogue/uploads/uploads.ts';
import type { ImageLimits } from '../../gallery/deps.ts';
import type { Net } from '../../kit/net/net.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';

/** What bringing things in leans on; made by the composition root. */
export interface TransferParts {
  readonly uploads: Uploads;
  readonly limits: ImageLimits;
  readonly settings: Settings;
  readonly net: Pick<Net, 'peerFetch'>;
  readonly publicUrl: URL;
  readonly secretKey: string;
  /** For bytes on their way. */
  readonly folder: string;
  /** Finds `@name@host`, asking their server where it has to; null for nobody. */
  readonly findPerson: (work: Work, handle: string) => Promise<number | null>;
}
