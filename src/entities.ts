import { ApiToken, Credential, OneTimeToken, Session } from './accounts/access/model.ts';
import { Invite } from './accounts/joining/model.ts';
import { Login } from './accounts/login.ts';
import { OutboxMail } from './accounts/mail/model.ts';
import { Account, Block, Follow } from './accounts/model.ts';
import { StaffGrant } from './accounts/staff/grants.ts';
import { OAuthClient, OAuthGrant, OAuthSecret } from './api/oauth/model.ts';
import { ApiOnce } from './api/operation/once-model.ts';
import { WEBHOOK_ENTITIES } from './api/webhooks/model.ts';
import { EarlyAccess, Entitlement } from './catalogue/early/model.ts';
import { Hidden } from './catalogue/hidden/model.ts';
import {
  BaseModel,
  DownloadMark,
  Lineage,
  Model,
  ModelFile,
  ModelTag,
  ModelVersion,
  Tag,
  TagSynonym,
} from './catalogue/model.ts';
import { NameLock } from './catalogue/names/lock.ts';
import { Upload } from './catalogue/uploads/model.ts';
import { Dataset, DatasetItem } from './compute/datasets/model.ts';
import { GenerationDraft, GenerationInput, GenerationPreset } from './compute/desk/model.ts';
import { FirstOutputs } from './compute/gates/first-outputs.ts';
import { GpuEngine, GpuPace, GpuUse } from './compute/gpu/model.ts';
import { MergeRun } from './compute/merging/model.ts';
import { FolderModel, Generation, GenerationImage } from './compute/model.ts';
import { Runner, RunnerEvent, RunnerFile, RunnerOrder } from './compute/runners/model.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from './compute/training/model.ts';
import { SavedSearch } from './discovery/saved/model.ts';
import { ImageLook } from './discovery/similar/model.ts';
import { StatDay } from './discovery/statistics/model.ts';
import { FirstLike } from './discovery/trend/model.ts';
import { BOUNTY_ENTITIES } from './economy/bounties/model.ts';
import { CREDIT_ENTITIES } from './economy/ledger/model.ts';
import { LicenceGrant, LicenceOffer } from './economy/licences/model.ts';
import { CreditPledge } from './economy/pledges/model.ts';
import { FEDERATION_ENTITIES } from './federation/model.ts';
import { Collection, CollectionItem, CollectionRefusal } from './gallery/collections/model.ts';
import { CollectionEntry, CollectionMember } from './gallery/collections/together/model.ts';
import { Contest, ContestScore, ContestVote } from './gallery/contests/model.ts';
import {
  Comment,
  Image,
  ImageMark,
  ImageRaw,
  ImageSize,
  Mention,
  Post,
  PostTag,
  Reaction,
  ResourceUse,
} from './gallery/model.ts';
import { Pin } from './gallery/pins.ts';
import { Review } from './gallery/reviews/model.ts';
import { SeenImage, SeenModel } from './gallery/seen/model.ts';
import { Share } from './gallery/shares.ts';
import { TagText } from './gallery/tags/model.ts';
import { TopicFollow } from './gallery/topics/model.ts';
import { AuditEntry, AuditHead, AuditRoot } from './kit/audit/model.ts';
import { RecordedEvent } from './kit/events/model.ts';
import { FairLane, FairShare } from './kit/queue/fair/model.ts';
import { Job } from './kit/queue/job.ts';
import { Setting } from './kit/settings.ts';
import { CASE_ENTITIES } from './moderation/cases/model/entities.ts';
import { QueueDecision, QueueRow, StaffExposure } from './moderation/queue/model.ts';
import { Report } from './moderation/reports/model.ts';
import { RightsGrant, RightsOffer } from './moderation/rights/model.ts';
import { Rule } from './moderation/rules/model.ts';
import { Approval } from './moderation/staff/model.ts';
import { Takedown, TakedownStep } from './moderation/takedown/model.ts';
import { TakedownTrace } from './moderation/takedown/trace.ts';
import { NOTIFICATION_ENTITIES } from './notifications/model.ts';
import { HashBank, HashBlock, HashHit } from './safety/hashes/model.ts';
import { SafetyHold } from './safety/holds/model.ts';
import { ProtectedName, ProtectedPerson } from './safety/people/model.ts';
import { PolicyRestriction, PolicyState } from './safety/policy.ts';
import { PromptRecord, PromptRuleSet } from './safety/prompts/model.ts';
import { DoNotTrain } from './safety/training/do-not-train.ts';
import { AccountExport } from './transfer/export/model.ts';
import { MovedPage, Transfer, TransferItem, TransferMark } from './transfer/import/model.ts';

/** Every table of the program; migrations are written from this list. */
export const ENTITIES = [
  ...[Setting, Job, FairLane, FairShare, RecordedEvent],
  ...[Account, Follow, Block, Login, Credential, Session, ApiToken, OneTimeToken, Invite, OutboxMail],
  ...[StaffGrant, Approval],
  ...[AuditEntry, AuditHead, AuditRoot],
  ...[PolicyState, PolicyRestriction],
  ...[HashBlock, HashBank, HashHit],
  ...[PromptRuleSet, PromptRecord, SafetyHold, ProtectedPerson, ProtectedName, DoNotTrain],
  ...[QueueRow, QueueDecision, StaffExposure, Report, Rule, Takedown, TakedownStep, TakedownTrace],
  ...[
    Model,
    ModelVersion,
    ModelFile,
    Tag,
    TagSynonym,
    ModelTag,
    BaseModel,
    Lineage,
    DownloadMark,
    Upload,
    Hidden,
    NameLock,
  ],
  ...[...CASE_ENTITIES, RightsOffer, RightsGrant],
  ...[Post, Image, ImageMark, ImageRaw, ImageSize, ResourceUse, PostTag, Comment, Reaction],
  ...[Review, Mention, Pin, Share],
  ...[Collection, CollectionItem, CollectionRefusal, TopicFollow],
  ...[CollectionMember, CollectionEntry, Contest, ContestScore, ContestVote],
  ...[SeenImage, SeenModel, TagText, ImageLook, FirstLike, SavedSearch, StatDay],
  ...[EarlyAccess, Entitlement],
  ...[...CREDIT_ENTITIES, CreditPledge, ...BOUNTY_ENTITIES, LicenceOffer, LicenceGrant],
  ...[Generation, GenerationImage, FolderModel, GpuEngine, GpuUse, GpuPace],
  ...[Runner, RunnerOrder, RunnerEvent, RunnerFile],
  ...[Dataset, DatasetItem, TrainingRun, TrainingEpoch, TrainingSample, MergeRun],
  ...[GenerationDraft, GenerationPreset, GenerationInput, FirstOutputs],
  ...FEDERATION_ENTITIES,
  ...[ApiOnce, OAuthClient, OAuthGrant, OAuthSecret],
  ...NOTIFICATION_ENTITIES,
  ...WEBHOOK_ENTITIES,
  ...[AccountExport, Transfer, TransferItem, TransferMark, MovedPage],
];
