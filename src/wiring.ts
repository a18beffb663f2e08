import {
  accountDeleted,
  accountJoined,
  accountMoved,
  accountProfileChanged,
  accountReinstated,
  accountSuspended,
} from './accounts/events.ts';
import { deleteAccountJob } from './accounts/leaving/leave.ts';
import { followAlongJob } from './accounts/moving/follow-along.ts';
import { sweepAccountsJob } from './accounts/sweep.ts';
import { finishDeletionJob } from './catalogue/delete.ts';
import {
  fileStored,
  modelDeleted,
  modelPublished,
  modelUnpublished,
  modelUpdated,
  versionPublished,
} from './catalogue/events.ts';
import { publishScheduledJob } from './catalogue/publish.ts';
import { finishDeletionJob as finishDatasetDeletionJob } from './compute/datasets/delete.ts';
import { picturesChanged } from './compute/datasets/events.ts';
import { forgetInputsJob } from './compute/desk/inputs.ts';
import { forgetGenerationsJob, purgeGenerationJob } from './compute/keep.ts';
import { forgetTrainingJob } from './compute/training/keep.ts';
import { indexAccountJob, indexModelJob, indexPostJob, unindexImageJob } from './discovery/index/keep.ts';
import { imageDeleted, postDeleted, postPublished, postUnpublished, postUpdated } from './gallery/events.ts';
import { refreshModelsJob } from './gallery/figures.ts';
import { renderImageJob } from './gallery/images/render.ts';
import { resolveModelJob, resolveVersionJob } from './gallery/images/resolve.ts';
import { finishDeletionJob as finishPostDeletionJob } from './gallery/posts/delete.ts';
import { publishScheduledJob as publishScheduledPostJob } from './gallery/posts/publish.ts';
import { removeAccountContentJob, sweepGalleryJob } from './gallery/sweep.ts';
import { on, type Wiring } from './kit/events/wiring.ts';
import type { JobDefinition } from './kit/queue/define.ts';
import { takedownDone } from './moderation/cases/decide/finish.ts';
import type { Parts } from './node.ts';
import { collectBlobsJob } from './operator/collect.ts';

/** Every kind of job that a worker of this program runs. */
export function jobsOf({
  mailer,
  uploads,
  generator,
  trainer,
  imports,
  looker,
  captioner,
  claims,
  federation,
}: Parts): JobDefinition[] {
  return [
    mailer.job,
    deleteAccountJob,
    followAlongJob,
    sweepAccountsJob,
    uploads.finishJob,
    uploads.stripJob,
    uploads.sweepJob,
    publishScheduledJob,
    finishDeletionJob,
    renderImageJob,
    resolveVersionJob,
    resolveModelJob,
    refreshModelsJob,
    sweepGalleryJob,
    removeAccountContentJob,
    publishScheduledPostJob,
    finishPostDeletionJob,
    generator.job,
    trainer.job,
    forgetTrainingJob,
    imports.job,
    looker.job,
    captioner.job,
    finishDatasetDeletionJob,
    forgetGenerationsJob,
    purgeGenerationJob,
    forgetInputsJob,
    indexModelJob,
    indexPostJob,
    indexAccountJob,
    unindexImageJob,
    collectBlobsJob,
    ...claims.jobs,
    ...federation.jobList,
  ];
}

/** The table of consequences: after this event, these jobs. */
export function wiringOf({ looker, claims, federation }: Parts): Wiring {
  return [
    ...[accountJoined, accountProfileChanged, accountSuspended, accountReinstated, accountDeleted].map((event) =>
      on(event, indexAccountJob),
    ),
    ...[modelPublished, modelUpdated, modelUnpublished, modelDeleted].map((event) => on(event, indexModelJob)),
    on(versionPublished, indexModelJob, ({ modelId }) => ({ modelId })),
    on(accountMoved, followAlongJob, ({ accountId, targetId }) => ({ accountId, targetId })),
    on(accountDeleted, removeAccountContentJob),
    // pictures name models by hash: links appear and go with the files
    on(versionPublished, resolveVersionJob, ({ versionId }) => ({ versionId })),
    on(fileStored, resolveVersionJob, ({ versionId }) => ({ versionId })),
    ...[modelPublished, modelUnpublished, modelDeleted].map((event) => on(event, resolveModelJob)),
    ...[postPublished, postUpdated, postUnpublished].map((event) => on(event, indexPostJob)),
    on(postDeleted, indexPostJob, ({ postId }) => ({ postId })),
    on(accountDeleted, forgetGenerationsJob),
    on(accountDeleted, forgetTrainingJob),
    on(picturesChanged, looker.job, undefined, ({ datasetId }) => ({ dedupeKey: `look:${datasetId}` })),
    on(imageDeleted, unindexImageJob, ({ imageId }) => ({ imageId })),
    on(takedownDone, claims.finishJob, ({ takedownId, caseId }) => (caseId === null ? null : { takedownId, caseId })),
    ...federation.wiring,
  ];
}
