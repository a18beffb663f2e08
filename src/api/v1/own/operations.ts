import type { Operation } from '../../operation/define.ts';
import { FINDING_OPERATIONS } from './finding.ts';
import { NOTIFICATION_OPERATIONS } from './notifications.ts';
import { PROFILE_OPERATIONS } from './profile.ts';
import { TRANSFER_OPERATIONS } from './transfers.ts';
import { WEBHOOK_OPERATIONS } from './webhooks.ts';

/** What is its person's alone. */
export const OWN_OPERATIONS: readonly Operation[] = [
  ...NOTIFICATION_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  ...FINDING_OPERATIONS,
  ...PROFILE_OPERATIONS,
  ...TRANSFER_OPERATIONS,
];
