import type { Settings } from '../kit/settings.ts';
import type { Cookies } from '../kit/web/cookies.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Work } from '../kit/work.ts';
import { hasContact } from './claim-settings.ts';
import type { Mailer } from './mail/mailer.ts';
import type { MovingDeps } from './moving/move.ts';
import { type NodeSettings, nodeSettings } from './node-settings.ts';
import type { Permission } from './permissions.ts';
import type { JudgePicture } from './profile/pictures.ts';

/** A page of the side navigation under `/admin`. */
export interface AdminLink {
  /** Key of its label among the messages. */
  readonly label: string;
  readonly href: string;
  readonly icon: string;
  readonly permission: Permission;
  /** How much waits there for somebody to decide. */
  readonly count?: (work: Pick<Work, 'em'>) => Promise<number>;
}

/** What the pages of accounts lean on; made by the composition root. */
export interface AccountDeps {
  readonly cookies: Cookies;
  readonly limits: RateLimits;
  readonly settings: Settings;
  readonly mailer: Mailer;
  readonly publicUrl: URL;
  /** Seals secrets that must be read again, and signs forms. */
  readonly secretKey: string;
  /** Where a picture lies while it is rendered. */
  readonly uploadsDir: string;
  readonly maxImageBytes: number;
  readonly defaultQuotaBytes: number;
  /** Pages of the rooms above. */
  readonly adminLinks: readonly AdminLink[];
  readonly moving: MovingDeps;
  readonly judgePicture: JudgePicture;
}

export interface Door {
  readonly settings: NodeSettings;
  /** Claimants can reach somebody; until then no stranger joins. */
  readonly hasContact: boolean;
  readonly mailer: Mailer;
  readonly publicUrl: URL;
}

/** The parts that services take which write mail. */
export async function openDoor({ settings, mailer, publicUrl }: AccountDeps, { em }: Pick<Work, 'em'>): Promise<Door> {
  return {
    settings: await settings.read(em, nodeSettings),
    hasContact: await hasContact(em, settings),
    mailer,
    publicUrl,
  };
}
