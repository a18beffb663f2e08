import type { Settings } from '../kit/settings.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Work } from '../kit/work.ts';
import type { HashGate } from '../safety/hashes/gate.ts';

/** What a picture must fit into before it is taken. */
export interface ImageLimits {
  readonly maxImageBytes: number;
  /** Free disk under which nothing is taken. */
  readonly minFreeBytes: number;
  /** Storage of one account, unless the owner of the node gave it more. */
  readonly defaultQuotaBytes: number;
  /** Keeps out what must not come back. */
  readonly hashGate: HashGate;
}

/** A node of elsewhere does not answer; what is kept of it is still shown. */
export interface PeerSilence {
  readonly host: string;
  /** ISO. */
  readonly since: string;
}
/** Null while it answers, and for '' and where the node does not federate. */
export type FindSilence = (work: Pick<Work, 'em'>, host: string) => Promise<PeerSilence | null>;

/** What the pages of the gallery lean on; made by the composition root. */
export interface GalleryDeps extends ImageLimits {
  readonly limits: RateLimits;
  readonly settings: Settings;
  /** Where a picture lies while it comes in. */
  readonly uploadsDir: string;
  readonly publicUrl: URL;
  /** Finds an account of elsewhere by `@name@host`, asking its server; null where the node does not federate. */
  readonly findPeer: ((work: Work, handle: string) => Promise<number | null>) | null;
  readonly findSilence: FindSilence;
}
