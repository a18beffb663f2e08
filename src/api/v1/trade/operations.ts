import type { Operation } from '../../operation/define.ts';
import { BOUNTY_OPERATIONS } from './bounties.ts';
import { CREDIT_OPERATIONS } from './credits.ts';
import { LICENCE_OPERATIONS } from './licences.ts';

/** What credits buy and thank for. */
export const TRADE_OPERATIONS: readonly Operation[] = [
  ...CREDIT_OPERATIONS,
  ...LICENCE_OPERATIONS,
  ...BOUNTY_OPERATIONS,
];
