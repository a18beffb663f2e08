import type { JobDefinition } from '../kit/queue/define.ts';
import { tellOfContestJob } from './about/contests.ts';
import {
  tellOfAwardJob,
  tellOfEntryJob,
  tellOfLicenceJob,
  tellOfRightsJob,
  tellOfSearchJob,
} from './about/dealings.ts';
import { tellOfFollowJob, tellOfTipJob } from './about/people.ts';
import { tellOfCollectedJob, tellOfModelJob, tellOfPostJob, tellOfVersionJob } from './about/publications.ts';
import {
  forgetJob,
  forgetPeopleJob,
  tellOfCommentJob,
  tellOfReactionJob,
  tellOfReviewJob,
  tellOfShareJob,
} from './about/talk.ts';
import { tellOfDecisionJob, tellOfInvitationJob, tellOfSubmissionJob } from './about/together.ts';
import { tellOfWorkJob } from './about/work.ts';
import { type DigestDeps, digestJobOf } from './digest.ts';
import { type PushDeps, sendPushJobOf } from './push/send.ts';
import { spreadPushJob } from './push/spread.ts';

export const notificationJobs = (deps: DigestDeps & PushDeps): JobDefinition[] => [
  ...[tellOfCommentJob, tellOfReactionJob, tellOfReviewJob, tellOfShareJob, tellOfFollowJob, tellOfTipJob],
  ...[tellOfModelJob, tellOfVersionJob, tellOfPostJob, tellOfCollectedJob, tellOfWorkJob],
  ...[tellOfEntryJob, tellOfAwardJob, tellOfLicenceJob, tellOfRightsJob, tellOfSearchJob],
  ...[tellOfInvitationJob, tellOfSubmissionJob, tellOfDecisionJob, tellOfContestJob],
  ...[forgetJob, forgetPeopleJob, spreadPushJob, sendPushJobOf(deps), digestJobOf(deps)],
];
