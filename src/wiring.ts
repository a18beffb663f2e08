import { deleteAccountJob } from './accounts/leaving/leave.ts';
import { sweepAccountsJob } from './accounts/sweep.ts';
import type { Wiring } from './kit/events/wiring.ts';
import type { JobDefinition } from './kit/queue/define.ts';
import type { Parts } from './node.ts';

/** Every kind of job that a worker of this program runs. */
export function jobsOf({ mailer }: Parts): JobDefinition[] {
  return [mailer.job, deleteAccountJob, sweepAccountsJob];
}

/** The table of consequences: after this event, these jobs. */
export function wiringOf(_parts: Parts): Wiring {
  return [];
}
