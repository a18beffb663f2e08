import { z } from 'zod';
import { defineEvent } from '../kit/events/events.ts';

const account = z.object({ accountId: z.int() });
const follow = z.object({ followId: z.string(), followerId: z.int(), targetId: z.int() });

/** Somebody may now use the node: at sign-up, by approval, or when their address is verified. */
export const accountJoined = defineEvent('account.joined', account);
export const accountAwaitsApproval = defineEvent('account.awaits-approval', account);
export const accountProfileChanged = defineEvent('account.profile-changed', account);
export const accountSuspended = defineEvent('account.suspended', account);
export const accountReinstated = defineEvent('account.reinstated', account);
export const accountRoleChanged = defineEvent(
  'account.role-changed',
  z.object({ accountId: z.int(), role: z.string() }),
);
/** Both accounts name each other; the followers of the first go over to the second. */
export const accountMoved = defineEvent('account.moved', account.extend({ targetId: z.int() }));
/** The grace is over: private facts are gone; what it published must go now. */
export const accountDeleted = defineEvent('account.deleted', account);

/** The row stays; its state says pending or, for an open local account, already accepted. */
export const followRequested = defineEvent('follow.requested', follow);
export const followAccepted = defineEvent('follow.accepted', follow);
/** The row is gone, so what a peer needs to be told stands here. */
export const followUndone = defineEvent('follow.undone', follow.extend({ uri: z.string().nullable() }));
/** The target does not want this follower, or no longer. The row is gone. */
export const followRejected = defineEvent('follow.rejected', follow.extend({ uri: z.string().nullable() }));
export const accountBlocked = defineEvent('account.blocked', z.object({ accountId: z.int(), targetId: z.int() }));
export const accountUnblocked = defineEvent('account.unblocked', z.object({ accountId: z.int(), targetId: z.int() }));
