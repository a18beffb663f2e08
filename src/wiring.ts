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
import { announceToWebhooksJobOf } from './api/webhooks/announce.ts';
import { deliverWebhookJobOf } from './api/webhooks/deliver.ts';
import { webhookWiring } from './api/webhooks/wiring.ts';
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
import { generationPaid } from './compute/events.ts';
import { settleCreditsJob } from './compute/gpu/credits.ts';
import { forgetGenerationsJob, purgeGenerationJob } from './compute/keep.ts';
import { linkRemixesJob } from './compute/link-remixes.ts';
import { forgetMergesJob } from './compute/merging/keep.ts';
import { rewardMakersJobOf } from './compute/reward-makers.ts';
import { forgetTrainingJob } from './compute/training/keep.ts';
import { indexAccountJob, indexModelJob, indexPostJob, unindexImageJob } from './discovery/index/keep.ts';
import { reachFinder } from './discovery/lists/engine-reach.ts';
import { forgetFinderJob } from './discovery/saved/forget.ts';
import { lookForNewJobOf } from './discovery/saved/look.ts';
import { fillLooksJob } from './discovery/similar/keep.ts';
import { countDaysJob } from './discovery/statistics/count.ts';
import { reindexStep } from './discovery/takedown.ts';
import { countLikeJob, discountLikeJob, recountLikesJob } from './discovery/trend/count.ts';
import { endBountyJobOf } from './economy/bounties/end.ts';
import { bountyDecidedJobOf, decidedBounty } from './economy/bounties/withhold.ts';
import { closePurseJob } from './economy/close.ts';
import { openEarlyJob, returnEarlyJob } from './economy/early/open.ts';
import { endDealingsJobOf } from './economy/leave.ts';
import { rewardPostJobOf } from './economy/rewards.ts';
import { applyPolicyJob } from './gallery/after-policy.ts';
import { heldWords, showWordsJob } from './gallery/after-words.ts';
import { countCollectionsJob } from './gallery/collections/collect-count.ts';
import { tellOfTurnJob } from './gallery/contests/notices.ts';
import {
  collectionItemChanged,
  commentDeleted,
  imageDeleted,
  postDeleted,
  postPublished,
  postUnpublished,
  postUpdated,
  reactionCreated,
  reactionRemoved,
  reviewDeleted,
  wordsWithheld,
} from './gallery/events.ts';
import { refreshModelsJob } from './gallery/figures.ts';
import { renderImageJob } from './gallery/images/render.ts';
import { resolveModelJob, resolveVersionJob } from './gallery/images/resolve.ts';
import { finishDeletionJob as finishPostDeletionJob } from './gallery/posts/delete.ts';
import { publishScheduledJob as publishScheduledPostJob } from './gallery/posts/publish.ts';
import { removeAccountContentJob, sweepGalleryJob } from './gallery/sweep.ts';
import { spreadSynonymJob } from './gallery/tags/synonyms.ts';
import { clearTalkPicturesJob } from './gallery/talk-pictures/clear.ts';
import { on, type Wiring } from './kit/events/wiring.ts';
import type { JobDefinition } from './kit/queue/define.ts';
import { makeBlocks } from './moderation/hashes/blocks.ts';
import { RESCAN } from './moderation/hashes/rescan.ts';
import { openHashRowJob } from './moderation/hashes/rows.ts';
import { closeHoldRowJob, openHoldRowJob } from './moderation/holds/rows.ts';
import { isLookedInto } from './moderation/looked-into.ts';
import { restrictionDecided } from './moderation/queue/events.ts';
import { executeDecisionJobOf } from './moderation/queue/execute.ts';
import { endRightsJob } from './moderation/rights/leave.ts';
import { watchAuditJobOf } from './moderation/staff/audit-watch.ts';
import { noteWithheldJob } from './moderation/statements/on-page.ts';
import { tellOwnerJobOf } from './moderation/statements/tell.ts';
import { markStep } from './moderation/takedown/again/step.ts';
import { endLockJob } from './moderation/takedown/end-lock.ts';
import { takedownDone, takedownRequested } from './moderation/takedown/start.ts';
import type { TakedownStepDefinition } from './moderation/takedown/step.ts';
import { attributesStep } from './moderation/takedown/steps/attributes.ts';
import { blockHashesStep } from './moderation/takedown/steps/block-hashes.ts';
import { cancelJobsStep } from './moderation/takedown/steps/cancel-jobs.ts';
import { deAttributeStep } from './moderation/takedown/steps/de-attribute.ts';
import { allowStep, denyStep } from './moderation/takedown/steps/deny.ts';
import { derivedStep } from './moderation/takedown/steps/derived.ts';
import { purgeCdnStep } from './moderation/takedown/steps/purge-cdn.ts';
import { unlistStep } from './moderation/takedown/steps/unlist.ts';
import { unsetStep } from './moderation/takedown/steps/unset.ts';
import { clearBytesStep, vaultStep } from './moderation/takedown/steps/vault.ts';
import { executeTakedownJob, inTurn } from './moderation/takedown/worker.ts';
import { notificationJobs } from './notifications/jobs.ts';
import { NOTIFICATION_WIRING } from './notifications/wiring.ts';
import { collectBlobsJob } from './operator/collect.ts';
import type { Parts } from './parts.ts';
import { blockAdded, hashHit } from './safety/hashes/events.ts';
import { safetyDecided, safetyHeld } from './safety/holds/events.ts';
import { policyChanged } from './safety/restrict.ts';
import { clearRecordsJob, eraseTextsJob, forgetRecordsJob } from './safety/screening.ts';
import { forgetTransfersJob } from './transfer/forget.ts';

/** The checklist of a takedown, in its order (spec/takedowns.md 2.10). */
export function takedownStepsOf(parts: Parts): TakedownStepDefinition[] {
  const { net, config, engines, vault, uploads, hashGate, federation } = parts;
  const { publicUrl, cdnPurgeUrl: purgeUrl, cdnPurgeToken: token } = config;
  const blocks = makeBlocks(hashGate);
  const dropModels = (sha256s: readonly string[]) => engines.cache.drop(sha256s);
  return [
    denyStep,
    allowStep,
    markStep(parts.marks),
    cancelJobsStep,
    attributesStep,
    deAttributeStep({ uploads, blocks, dropModels }),
    blockHashesStep(blocks),
    vaultStep(vault),
    clearBytesStep(dropModels),
    unsetStep,
    unlistStep,
    reindexStep,
    derivedStep,
    purgeCdnStep({ net, publicUrl, purgeUrl, token }),
    ...(federation.mode === 'off' ? [] : federation.takedownSteps),
  ];
}

/** Every kind of job that a worker of this program runs. */
export function jobsOf(parts: Parts): JobDefinition[] {
  const { mailer, uploads, generator, trainer, merger, imports, looker, captioner, rescanner, federation } = parts;
  const { desks, claims, settings, log, config, net, vapid, secretKey } = parts;
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
    countCollectionsJob,
    tellOfTurnJob,
    spreadSynonymJob,
    applyPolicyJob,
    showWordsJob,
    executeTakedownJob(takedownStepsOf(parts), parts.log),
    endLockJob,
    sweepGalleryJob,
    clearTalkPicturesJob,
    removeAccountContentJob,
    publishScheduledPostJob,
    finishPostDeletionJob,
    generator.job,
    trainer.job,
    trainer.decidedJob,
    merger.job,
    forgetMergesJob,
    clearRecordsJob,
    eraseTextsJob,
    forgetRecordsJob,
    forgetTrainingJob,
    imports.job,
    looker.job,
    captioner.job,
    finishDatasetDeletionJob,
    forgetGenerationsJob,
    purgeGenerationJob,
    linkRemixesJob,
    forgetInputsJob,
    settleCreditsJob,
    rewardMakersJobOf(settings),
    rewardPostJobOf(settings),
    closePurseJob,
    ...[openEarlyJob, returnEarlyJob, endBountyJobOf(isLookedInto)],
    ...[bountyDecidedJobOf(isLookedInto), endDealingsJobOf(isLookedInto), endRightsJob],
    indexModelJob,
    indexPostJob,
    indexAccountJob,
    unindexImageJob,
    fillLooksJob,
    lookForNewJobOf(reachFinder(generator)),
    forgetFinderJob,
    countDaysJob,
    recountLikesJob,
    countLikeJob,
    discountLikeJob,
    collectBlobsJob,
    rescanner.job,
    executeDecisionJobOf(desks),
    tellOwnerJobOf({ mailer, settings, publicUrl: config.publicUrl }),
    noteWithheldJob,
    openHoldRowJob,
    closeHoldRowJob,
    openHashRowJob,
    watchAuditJobOf({ settings, log }),
    ...claims.jobs,
    ...notificationJobs({ net, vapid, secretKey, mailer, settings, publicUrl: config.publicUrl }),
    announceToWebhooksJobOf(config.publicUrl),
    deliverWebhookJobOf({ net, secretKey }),
    ...federation.jobList,
    parts.exports.job,
    parts.exports.sweepJob,
    parts.transfers.lookJob,
    parts.transfers.takeJob,
    parts.transfers.letGoJob,
    forgetTransfersJob,
  ];
}

/** The table of consequences: after this event, these jobs. */
export function wiringOf(parts: Parts): Wiring {
  const { looker, rescanner, trainer, claims, federation, mailer, settings, config } = parts;
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
    ...[postPublished, postUpdated].map((event) => on(event, linkRemixesJob)),
    on(postDeleted, indexPostJob, ({ postId }) => ({ postId })),
    on(accountDeleted, forgetGenerationsJob),
    on(accountDeleted, forgetTrainingJob),
    on(accountDeleted, forgetMergesJob),
    on(accountDeleted, forgetRecordsJob),
    on(accountDeleted, closePurseJob),
    on(accountDeleted, forgetFinderJob),
    // whoever is gone counts for nothing that they liked
    ...[accountSuspended, accountReinstated, accountDeleted].map((event) => on(event, recountLikesJob)),
    on(accountDeleted, endDealingsJobOf(isLookedInto)),
    on(accountDeleted, endRightsJob),
    ...[modelUpdated, modelUnpublished, modelDeleted].map((event) =>
      on(event, returnEarlyJob, ({ modelId }) => ({ kind: 'model' as const, id: modelId })),
    ),
    on(policyChanged, returnEarlyJob, ({ kind, id }) =>
      kind === 'version' || kind === 'model' || kind === 'account' ? { kind, id } : null,
    ),
    on(safetyDecided, bountyDecidedJobOf(isLookedInto), ({ kind, id, outcome }) => decidedBounty(kind, id, outcome)),
    on(accountDeleted, forgetTransfersJob),
    on(postPublished, rewardPostJobOf(settings)),
    on(generationPaid, rewardMakersJobOf(settings)),
    on(safetyDecided, trainer.decidedJob, ({ kind, id, outcome }) =>
      kind === 'training' ? { runId: id, outcome } : null,
    ),
    on(safetyDecided, clearRecordsJob, ({ kind, id, outcome }) =>
      kind === 'account' && outcome === 'released' ? { accountId: Number(id) } : null,
    ),
    on(commentDeleted, clearTalkPicturesJob, ({ commentId: id }) => ({ kind: 'comment' as const, id })),
    on(reviewDeleted, clearTalkPicturesJob, ({ reviewId: id }) => ({ kind: 'review' as const, id })),
    on(safetyDecided, showWordsJob, ({ kind, id, outcome }) => heldWords(kind, id, outcome)),
    on(picturesChanged, looker.job, undefined, ({ datasetId }) => ({ dedupeKey: `look:${datasetId}` })),
    on(
      blockAdded,
      rescanner.job,
      () => ({}),
      () => RESCAN,
    ),
    on(
      policyChanged,
      applyPolicyJob,
      ({ kind, id }) => ({ kind, id }),
      ({ kind, id }) => ({
        dedupeKey: `policy:${kind}:${id}`,
      }),
    ),
    on(takedownRequested, executeTakedownJob(takedownStepsOf(parts), parts.log), undefined, ({ takedownId }) =>
      inTurn(takedownId),
    ),
    on(wordsWithheld, noteWithheldJob),
    on(restrictionDecided, tellOwnerJobOf({ mailer, settings, publicUrl: config.publicUrl })),
    on(safetyHeld, openHoldRowJob, ({ kind, id }) => ({ kind, id })),
    on(safetyDecided, closeHoldRowJob),
    on(hashHit, openHashRowJob, ({ hitId }) => ({ hitId })),
    on(policyChanged, indexAccountJob, ({ kind, id }) => (kind === 'account' ? { accountId: id } : null)),
    on(reactionCreated, countLikeJob),
    on(reactionRemoved, discountLikeJob, ({ kind, targetId }) =>
      typeof targetId === 'number' ? { kind, targetId } : null,
    ),
    on(collectionItemChanged, countCollectionsJob),
    on(imageDeleted, unindexImageJob, ({ imageId }) => ({ imageId })),
    on(takedownDone, claims.finishJob, ({ takedownId, caseId }) => (caseId === null ? null : { takedownId, caseId })),
    ...NOTIFICATION_WIRING,
    ...webhookWiring(config.publicUrl),
    ...federation.wiring,
  ];
}
