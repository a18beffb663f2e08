import {
  accountDeleted,
  accountJoined,
  accountProfileChanged,
  accountReinstated,
  accountSuspended,
} from './accounts/events.ts';
import { deleteAccountJob } from './accounts/leaving/leave.ts';
import { sweepAccountsJob } from './accounts/sweep.ts';
import { finishDeletionJob } from './catalogue/delete.ts';
import { modelDeleted, modelPublished, modelUnpublished, modelUpdated, versionPublished } from './catalogue/events.ts';
import { publishScheduledJob } from './catalogue/publish.ts';
import { indexAccountJob, indexModelJob, indexPostJob, unindexImageJob } from './discovery/index/keep.ts';
import { imageDeleted, postDeleted, postPublished, postUnpublished, postUpdated } from './gallery/events.ts';
import { on, type Wiring } from './kit/events/wiring.ts';
import type { JobDefinition } from './kit/queue/define.ts';
import type { Parts } from './node.ts';

/** Every kind of job that a worker of this program runs. */
export function jobsOf({ mailer, uploads }: Parts): JobDefinition[] {
  return [
    mailer.job,
    deleteAccountJob,
    sweepAccountsJob,
    uploads.finishJob,
    uploads.stripJob,
    uploads.sweepJob,
    publishScheduledJob,
    finishDeletionJob,
    indexModelJob,
    indexPostJob,
    indexAccountJob,
    unindexImageJob,
  ];
}

/** The table of consequences: after this event, these jobs. */
export function wiringOf(_parts: Parts): Wiring {
  return [
    ...[accountJoined, accountProfileChanged, accountSuspended, accountReinstated, accountDeleted].map((event) =>
      on(event, indexAccountJob),
    ),
    ...[modelPublished, modelUpdated, modelUnpublished, modelDeleted].map((event) => on(event, indexModelJob)),
    on(versionPublished, indexModelJob, ({ modelId }) => ({ modelId })),
    ...[postPublished, postUpdated, postUnpublished].map((event) => on(event, indexPostJob)),
    on(postDeleted, indexPostJob, ({ postId }) => ({ postId })),
    on(imageDeleted, unindexImageJob, ({ imageId }) => ({ imageId })),
  ];
}
