import type { z } from 'zod';
import type { Hashing } from '../catalogue/files/hash.ts';
import type { IntakePolicy } from '../catalogue/uploads/judge.ts';
import type { ImageLimits } from '../gallery/deps.ts';
import type { Config } from '../kit/config.ts';
import type { Log } from '../kit/log.ts';
import type { Net } from '../kit/net/net.ts';
import type { JobDefinition } from '../kit/queue/define.ts';
import type { Settings } from '../kit/settings.ts';
import type { LineLog } from '../kit/storage/vault/line-log.ts';
import type { RateLimits } from '../kit/web/rate-limit.ts';
import type { Work } from '../kit/work.ts';
import type { KeyBudget } from './actors/key-budget.ts';
import type { Apex } from './apex.ts';
import type { Intake } from './inbox/intake.ts';
import type { ActorKey } from './signatures/verify.ts';

/** What federation leans on; made by the composition root. */
export interface FederationSettings extends ImageLimits {
  readonly publicUrl: URL;
  readonly mode: Config['federation'];
  readonly net: Net;
  readonly settings: Settings;
  readonly limits: RateLimits;
  readonly log: Log;
  /** Seals private keys. */
  readonly secretKey: string;
  /** Of what notices took down, beside the database. */
  readonly marks: LineLog;
  /** Where a picture lies while it is fetched. */
  readonly uploadsDir: string;
  readonly version: string;
  /** What a peer's file must pass before it is kept here, as an upload must. */
  readonly hashing: Hashing;
  readonly filePolicy: IntakePolicy;
  readonly maxCopyBytes: number;
  /** The work of the node itself. */
  readonly openWork: () => Work;
}

/** Jobs that other jobs of this room enqueue. */
interface FederationJobs {
  readonly deliver: JobDefinition<z.ZodObject<{ host: z.ZodString }>>;
  /** The same for hosts that fail. */
  readonly probe: JobDefinition<z.ZodObject<{ host: z.ZodString }>>;
  readonly askPeer: JobDefinition<z.ZodObject<{ host: z.ZodString }>>;
  readonly applyPolicy: JobDefinition<z.ZodObject<{ host: z.ZodString }>>;
  readonly endPolicy: JobDefinition<z.ZodObject<{ host: z.ZodString }>>;
  readonly tellHost: JobDefinition<z.ZodObject<{ peerId: z.ZodString }>>;
  readonly checkNotice: JobDefinition<z.ZodObject<{ peerId: z.ZodString }>>;
  readonly readList: JobDefinition<z.ZodObject<{ listId: z.ZodString }>>;
  readonly sweepPeers: JobDefinition<z.ZodObject<Record<never, never>>>;
  readonly process: JobDefinition<z.ZodObject<{ itemId: z.ZodString }>>;
  readonly fetchPictures: JobDefinition<z.ZodObject<{ postId: z.ZodInt }>>;
  readonly copyFile: JobDefinition<z.ZodObject<{ fileId: z.ZodInt }>>;
  readonly askHolder: JobDefinition<z.ZodObject<{ hash: z.ZodString; host: z.ZodString }>>;
  readonly fetchFaces: JobDefinition<z.ZodObject<{ accountId: z.ZodInt }>>;
  readonly fetchShared: JobDefinition<z.ZodObject<{ itemId: z.ZodString }>>;
  readonly carryFollowers: JobDefinition<z.ZodObject<{ fromId: z.ZodInt; toId: z.ZodInt }>>;
  readonly backfill: JobDefinition<z.ZodObject<{ accountId: z.ZodInt }>>;
  readonly refetchPicture: JobDefinition<z.ZodObject<{ imageId: z.ZodInt }>>;
}

/** Handed down to every act of this room. */
export interface Federation extends FederationSettings {
  /** `https://node.example`, without a slash. */
  readonly origin: string;
  /** The part after the `@name@` of our people: the host, with its port where that is not the usual one. */
  readonly host: string;
  readonly jobs: FederationJobs;
  /** The kept parts of activitypub-express, loaded and checked on the first call. Throws when it is another version. */
  readonly apex: () => Apex;
  /** Keys that are being fetched: a burst from a server that is new here asks it once. */
  readonly keysUnderWay: Map<string, Promise<ActorKey | null>>;
  readonly keyBudget: KeyBudget;
  /** What somebody of this node asked for, while it comes: several who ask for the same ask once. */
  readonly lookUpsUnderWay: Map<string, Promise<unknown>>;
  readonly intake: Intake;
}
