import type { AdminLink } from '../accounts/deps.ts';
import type { Settings } from '../kit/settings.ts';
import type { LineLog } from '../kit/storage/vault/line-log.ts';
import type { Vault } from '../kit/storage/vault/vault.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { HashGate } from '../safety/hashes/gate.ts';
import type { Screening } from '../safety/screening.ts';
import type { Desks } from './queue/desk.ts';
import { countOpenRows } from './queue/list.ts';
import type { SignedPaths } from './queue/signed.ts';
import type { Compliance } from './transparency/entries.ts';

/** What the pages of moderation lean on; made by the composition root. */
export interface ModerationDeps {
  readonly adminLinks: readonly AdminLink[];
  readonly settings: Settings;
  readonly limits: RateLimits;
  readonly desks: Desks;
  readonly secretKey: string;
  /** What other nodes did about takedowns; null where the node speaks with none. */
  readonly compliance: Compliance | null;
  readonly hashGate: HashGate;
  readonly screening: Screening;
  /** Where an uploaded picture lies while it is hashed. */
  readonly uploadsDir: string;
  readonly maxImageBytes: number;
  readonly vault: Vault;
  readonly marks: LineLog;
  /** Addresses of bytes that only reviewers see. */
  readonly signed: SignedPaths;
}

export const MODERATION_LINKS: readonly AdminLink[] = [
  {
    ...{ label: 'admin.queue', href: '/moderation', icon: 'inbox', permission: 'moderateContent' },
    count: countOpenRows,
  },
  { label: 'admin.orders', href: '/moderation/orders', icon: 'scale', permission: 'moderateContent' },
  { label: 'admin.rules', href: '/moderation/rules', icon: 'list', permission: 'manageRules' },
  { label: 'admin.prompt-rules', href: '/moderation/prompt-rules', icon: 'filter', permission: 'manageRules' },
  { label: 'admin.guard', href: '/admin/guard', icon: 'shield', permission: 'manageSettings' },
  { label: 'admin.hashes', href: '/moderation/hashes', icon: 'shield', permission: 'manageRules' },
  { label: 'admin.vault', href: '/moderation/vault', icon: 'lock', permission: 'moderateContent' },
  { label: 'admin.audit', href: '/moderation/audit', icon: 'history', permission: 'readAudit' },
];
