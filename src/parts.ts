import type { MikroORM } from '@mikro-orm/core';
import type { Mailer } from './accounts/mail/mailer.ts';
import type { Uploads } from './catalogue/uploads/uploads.ts';
import type { Captioner } from './compute/datasets/captioning/captioner.ts';
import type { Imports } from './compute/datasets/import-zip.ts';
import type { Looker } from './compute/datasets/notes/look.ts';
import type { EngineLimits } from './compute/engine/watchdog.ts';
import type { Engines } from './compute/engines/engines.ts';
import type { Generator } from './compute/generator.ts';
import type { Merger } from './compute/merging/merger.ts';
import type { ServerTimes } from './compute/server/engine.ts';
import type { Trainer, TrainerOptions } from './compute/training/trainer.ts';
import type { OpenFederation } from './federation/federation.ts';
import type { Config } from './kit/config.ts';
import type { Log } from './kit/log.ts';
import type { Net, NetOptions } from './kit/net/net.ts';
import type { Jobs } from './kit/queue/jobs.ts';
import type { QueueTimes } from './kit/queue/open.ts';
import type { Settings } from './kit/settings.ts';
import type { Files } from './kit/storage/files.ts';
import type { LineLog } from './kit/storage/vault/line-log.ts';
import type { Shelf } from './kit/storage/vault/shelf.ts';
import type { Vault } from './kit/storage/vault/vault.ts';
import type { Cookies } from './kit/web/cookies.ts';
import type { RateLimits } from './kit/web/rate-limit.ts';
import type { Words } from './kit/work.ts';
import type { Claims } from './moderation/cases/claims.ts';
import type { Rescanner } from './moderation/hashes/rescan.ts';
import type { Desks } from './moderation/queue/desk.ts';
import type { Vapid } from './notifications/push/vapid.ts';
import type { ClassifierOptions } from './safety/classifier/classifier.ts';
import type { HashGate } from './safety/hashes/gate.ts';
import type { Screening } from './safety/screening.ts';
import type { Exports } from './transfer/export/make.ts';
import type { Transfers } from './transfer/import/transfers.ts';

/** What lives as long as the process, handed down to the routes and jobs that name it. */
export interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly now: () => Date;
  readonly orm: MikroORM;
  readonly files: Files;
  readonly jobs: Jobs;
  readonly net: Net;
  readonly settings: Settings;
  readonly limits: RateLimits;
  readonly cookies: Cookies;
  readonly mailer: Mailer;
  /** Files on their way in, and the threads that hash them. */
  readonly uploads: Uploads;
  /** Knows what must not come back. */
  readonly hashGate: HashGate;
  readonly rescanner: Rescanner;
  readonly engines: Engines;
  /** Rules about what people write, and the classifier beside them. */
  readonly screening: Screening;
  readonly words: Words;
  readonly generator: Generator;
  readonly trainer: Trainer;
  readonly merger: Merger;
  readonly imports: Imports;
  readonly looker: Looker;
  readonly captioner: Captioner;
  /** Who decides what waits in the queue. */
  readonly desks: Desks;
  /** What was taken down and is not purged yet. */
  readonly vault: Vault;
  /** The same, sealed. */
  readonly vaultShelf: Shelf;
  /** What was taken down, beside the database, so that no restore brings it back. */
  readonly marks: LineLog;
  readonly claims: Claims;
  readonly federation: OpenFederation;
  /** How this node shows push services who it is. */
  readonly vapid: Vapid;
  /** Archives of whole accounts. */
  readonly exports: Exports;
  /** What people bring in from elsewhere. */
  readonly transfers: Transfers;
  /** Key of everything that is hashed or signed for ourselves. */
  readonly secretKey: string;
  /** Absolute path of the folder for what is not a blob: uploads under way, the engine's job folders. */
  readonly dataDir: string;
  /** Where bytes lie that are not a blob yet. */
  readonly uploadsDir: string;
  /** Aborted when the node closes: who waits for something is answered then. */
  readonly closing: AbortSignal;
}

export interface NodeOptions {
  /** The clock; tests hold it still. */
  readonly now?: () => Date;
  readonly log?: Log;
  readonly queueTimes?: Partial<QueueTimes>;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly serverTimes?: Partial<ServerTimes>;
  readonly classifierTimes?: NonNullable<ClassifierOptions['times']>;
  /** How long turns of trainings are. */
  readonly training?: Pick<TrainerOptions, 'times'>;
  /** Resolver, socket policy and authority in place of the public internet's, for tests with peers of their own. */
  readonly net?: Pick<NetOptions, 'reach' | 'resolve' | 'ca'>;
}
