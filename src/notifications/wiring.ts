import { accountBlocked, accountDeleted, followRejected, followRequested, followUndone } from '../accounts/events.ts';
import { modelPublished, versionPublished } from '../catalogue/events.ts';
import { generationEnded, mergeEnded, trainingEnded } from '../compute/events.ts';
import { savedSearchMatched } from '../discovery/events.ts';
import {
  bountyEntered,
  entryAwarded,
  licenceDecided,
  licenceRevoked,
  licenceTaken,
  tipSent,
} from '../economy/events.ts';
import {
  collectionItemChanged,
  commentCreated,
  commentDeleted,
  commentEdited,
  contestTurned,
  memberInvited,
  postArrived,
  postPublished,
  reactionCreated,
  reactionRemoved,
  reviewDeleted,
  reviewEdited,
  reviewWritten,
  shareCreated,
  shareRemoved,
  submissionBrought,
  submissionDecided,
} from '../gallery/events.ts';
import { on, type Wiring } from '../kit/events/wiring.ts';
import { rightsAsked, rightsDecided, rightsRevoked } from '../moderation/rights/events.ts';
import { tellOfContestJob } from './about/contests.ts';
import {
  tellOfAwardJob,
  tellOfEntryJob,
  tellOfLicenceJob,
  tellOfRightsJob,
  tellOfSearchJob,
} from './about/dealings.ts';
import { followKeys, tellOfFollowJob, tellOfTipJob } from './about/people.ts';
import { tellOfCollectedJob, tellOfModelJob, tellOfPostJob, tellOfVersionJob } from './about/publications.ts';
import {
  forgetJob,
  forgetPeopleJob,
  likeKey,
  tellOfCommentJob,
  tellOfReactionJob,
  tellOfReviewJob,
  tellOfShareJob,
} from './about/talk.ts';
import { tellOfDecisionJob, tellOfInvitationJob, tellOfSubmissionJob } from './about/together.ts';
import { tellOfWorkJob } from './about/work.ts';

/** After these events, somebody is told or is told no more. */
export const NOTIFICATION_WIRING: Wiring = [
  // words that were changed may name others, and words that were looked at appear by being changed
  ...[commentCreated, commentEdited].map((event) => on(event, tellOfCommentJob)),
  on(reactionCreated, tellOfReactionJob),
  ...[reviewWritten, reviewEdited].map((event) => on(event, tellOfReviewJob)),
  on(shareCreated, tellOfShareJob),
  on(followRequested, tellOfFollowJob, ({ followId }) => ({ followId })),
  on(tipSent, tellOfTipJob),
  on(modelPublished, tellOfModelJob),
  on(versionPublished, tellOfVersionJob),
  ...[postPublished, postArrived].map((event) => on(event, tellOfPostJob)),
  on(collectionItemChanged, tellOfCollectedJob),
  on(generationEnded, tellOfWorkJob, ({ generationId: id, isDone }) => ({ kind: 'generation' as const, id, isDone })),
  on(trainingEnded, tellOfWorkJob, ({ runId: id, isDone }) => ({ kind: 'training' as const, id, isDone })),
  on(mergeEnded, tellOfWorkJob, ({ mergeId: id, isDone }) => ({ kind: 'merge' as const, id, isDone })),
  on(bountyEntered, tellOfEntryJob),
  on(entryAwarded, tellOfAwardJob),
  on(licenceTaken, tellOfLicenceJob, ({ grantId }) => ({ grantId, isAnswer: false })),
  on(licenceDecided, tellOfLicenceJob, ({ grantId }) => ({ grantId, isAnswer: true })),
  on(licenceRevoked, tellOfLicenceJob, ({ grantId }) => ({ grantId, isAnswer: true, isEnd: true })),
  on(rightsAsked, tellOfRightsJob, ({ grantId }) => ({ grantId, kind: 'licence' as const })),
  on(rightsDecided, tellOfRightsJob, ({ grantId }) => ({ grantId, kind: 'licence-answer' as const })),
  on(rightsRevoked, tellOfRightsJob, ({ grantId }) => ({ grantId, kind: 'licence-end' as const })),
  on(contestTurned, tellOfContestJob),
  on(memberInvited, tellOfInvitationJob),
  on(submissionBrought, tellOfSubmissionJob),
  on(submissionDecided, tellOfDecisionJob),
  on(savedSearchMatched, tellOfSearchJob),
  on(commentDeleted, forgetJob, ({ commentId }) => ({ keys: [`comment:${commentId}`] })),
  on(reactionRemoved, forgetJob, ({ kind, targetId, accountId }) => ({ keys: [likeKey(kind, targetId, accountId)] })),
  on(reviewDeleted, forgetJob, ({ reviewId }) => ({ keys: [`review:${reviewId}`] })),
  on(shareRemoved, forgetJob, ({ shareId }) => ({ keys: [`share:${shareId}`] })),
  ...[followUndone, followRejected].map((event) =>
    on(event, forgetJob, ({ followerId, targetId }) => ({ keys: followKeys(followerId, targetId) })),
  ),
  on(accountBlocked, forgetPeopleJob, ({ accountId, targetId }) => ({ accountId, targetId })),
  on(accountDeleted, forgetPeopleJob, ({ accountId }) => ({ accountId, targetId: null })),
];
