import { mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type Router from '@koa/router';
import type { MikroORM } from '@mikro-orm/core';
import type Koa from 'koa';
import { identify } from './accounts/access/identify.ts';
import { ApiToken, Credential, OneTimeToken, Session } from './accounts/access/model.ts';
import type { AccountDeps, AdminLink } from './accounts/deps.ts';
import { Invite } from './accounts/joining/model.ts';
import { issueSetUpToken } from './accounts/joining/set-up.ts';
import { Login } from './accounts/login.ts';
import { Mailer } from './accounts/mail/mailer.ts';
import { OutboxMail } from './accounts/mail/model.ts';
import { Account, Block, Follow } from './accounts/model.ts';
import { loadPageState } from './accounts/page-state.ts';
import { accountRoutes } from './accounts/routes.ts';
import { scheduleAccountSweep } from './accounts/sweep.ts';
import { seedBaseModels } from './catalogue/base-models.ts';
import type { CatalogueDeps } from './catalogue/deps.ts';
import { Hashing } from './catalogue/files/hash.ts';
import { BaseModel, DownloadMark, Lineage, Model, ModelFile, ModelTag, ModelVersion, Tag } from './catalogue/model.ts';
import { catalogueRoutes } from './catalogue/routes.ts';
import { Upload } from './catalogue/uploads/model.ts';
import { scheduleUploadSweep } from './catalogue/uploads/sweep.ts';
import { Uploads } from './catalogue/uploads/uploads.ts';
import { Captioner } from './compute/datasets/captioning/captioner.ts';
import { Imports } from './compute/datasets/import-zip.ts';
import { Dataset, DatasetItem } from './compute/datasets/model.ts';
import { Looker } from './compute/datasets/notes/look.ts';
import { datasetRoutes } from './compute/datasets/pages/routes.ts';
import type { ComputeDeps } from './compute/deps.ts';
import { GenerationDraft, GenerationInput, GenerationPreset } from './compute/desk/model.ts';
import type { EngineLimits } from './compute/engine/watchdog.ts';
import { Engines } from './compute/engines.ts';
import { Generator } from './compute/generator.ts';
import { GPU_LINKS, gpuRoutes } from './compute/gpu/admin-routes.ts';
import { GpuEngine, GpuPace, GpuUse } from './compute/gpu/model.ts';
import { jobRoutes } from './compute/jobs/routes.ts';
import { FolderModel, Generation, GenerationImage } from './compute/model.ts';
import { ModelFiles } from './compute/models/whole-files.ts';
import { Runner, RunnerEvent, RunnerFile, RunnerOrder } from './compute/runners/model.ts';
import { RUNNER_PATH } from './compute/runners/protocol.ts';
import { Returns } from './compute/runners/receive.ts';
import { type RunnerDeps, runnerRoutes } from './compute/runners/routes.ts';
import type { ServerChoice } from './compute/server/choose.ts';
import type { ServerTimes } from './compute/server/engine.ts';
import { computeRoutes } from './compute/tool/routes.ts';
import { TrainingEpoch, TrainingRun, TrainingSample } from './compute/training/model.ts';
import type { TrainingDeps } from './compute/training/pages/deps.ts';
import { trainingRoutes } from './compute/training/pages/routes.ts';
import { Trainer, type TrainerOptions } from './compute/training/trainer.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import type { LookUp } from './discovery/search.ts';
import { resolveAccount } from './federation/actors/resolve.ts';
import { actorUri } from './federation/addresses.ts';
import { COPY_LINKS, copyRoutes } from './federation/copies/routes.ts';
import { listCopyViews } from './federation/copies/view.ts';
import { type OpenFederation, openFederation } from './federation/federation.ts';
import { isBackfilling } from './federation/ingest/backfill.ts';
import { findPage } from './federation/looking/look-up.ts';
import { FEDERATION_ENTITIES } from './federation/model.ts';
import { findActorNow } from './federation/moving/find-actor.ts';
import { MEDIA_LINKS } from './federation/pages/media-settings-routes.ts';
import { READING_LINKS } from './federation/pages/reading-routes.ts';
import { REPORT_LINKS } from './federation/pages/report-routes.ts';
import { PEER_LINKS } from './federation/peers/routes.ts';
import { findSilence } from './federation/peers/silence.ts';
import { federationRoutes } from './federation/routes.ts';
import { Collection, CollectionItem, CollectionRefusal } from './gallery/collections/model.ts';
import type { FindSilence, GalleryDeps } from './gallery/deps.ts';
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
import { galleryRoutes } from './gallery/routes.ts';
import { Share } from './gallery/shares.ts';
import { scheduleGallerySweep } from './gallery/sweep.ts';
import { TopicFollow } from './gallery/topics/model.ts';
import type { Config } from './kit/config.ts';
import { migrate } from './kit/database/migrate.ts';
import { openDatabase } from './kit/database/open.ts';
import { rows } from './kit/database/sql.ts';
import { RecordedEvent } from './kit/events/model.ts';
import { randomToken } from './kit/ids.ts';
import { type Log, makeLog } from './kit/log.ts';
import { makeNet, type Net, type NetOptions } from './kit/net/net.ts';
import type { MailTransport } from './kit/net/smtp.ts';
import { nearbyReach, publicReach } from './kit/net/target.ts';
import type { Lane } from './kit/queue/define.ts';
import { FairLane, FairShare } from './kit/queue/fair/model.ts';
import { Job } from './kit/queue/job.ts';
import type { Jobs } from './kit/queue/jobs.ts';
import { openQueue, type Queue, type QueueTimes } from './kit/queue/open.ts';
import { Setting, Settings } from './kit/settings.ts';
import { DiskFiles } from './kit/storage/disk.ts';
import type { Files } from './kit/storage/files.ts';
import { makeApp } from './kit/web/app.ts';
import { Cookies } from './kit/web/cookies.ts';
import { RateLimits } from './kit/web/rate-limit.ts';
import type { State } from './kit/web/state.ts';
import type { Viewer, Work } from './kit/work.ts';
import { scheduleCollection } from './operator/collect.ts';
import { OPERATOR_LINKS, operatorRoutes } from './operator/routes.ts';
import { PolicyState } from './safety/policy.ts';
import { jobsOf, wiringOf } from './wiring.ts';

/** Every table of the program; migrations are written from this list. */
export const ENTITIES = [
  ...[Setting, Job, FairLane, FairShare, RecordedEvent],
  ...[Account, Follow, Block, Login, Credential, Session, ApiToken, OneTimeToken, Invite, OutboxMail],
  ...[PolicyState],
  ...[Model, ModelVersion, ModelFile, Tag, ModelTag, BaseModel, Lineage, DownloadMark, Upload],
  ...[Post, Image, ImageMark, ImageRaw, ImageSize, ResourceUse, PostTag, Comment, Reaction],
  ...[Review, Mention, Pin, Share],
  ...[Collection, CollectionItem, CollectionRefusal, TopicFollow],
  ...[Generation, GenerationImage, FolderModel, GpuEngine, GpuUse, GpuPace],
  ...[Runner, RunnerOrder, RunnerEvent, RunnerFile],
  ...[Dataset, DatasetItem, TrainingRun, TrainingEpoch, TrainingSample],
  ...[GenerationDraft, GenerationPreset, GenerationInput],
  ...FEDERATION_ENTITIES,
];

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
  readonly engines: Engines;
  readonly generator: Generator;
  readonly trainer: Trainer;
  readonly imports: Imports;
  readonly looker: Looker;
  readonly captioner: Captioner;
  readonly federation: OpenFederation;
  /** Key of everything that is hashed or signed for ourselves. */
  readonly secretKey: string;
  /** Absolute path of the folder for what is not a blob: uploads under way, the engine's job folders. */
  readonly dataDir: string;
  /** Where bytes lie that are not a blob yet. */
  readonly uploadsDir: string;
  /** Aborted when the node closes: who waits for something is answered then. */
  readonly closing: AbortSignal;
}

export type Process = 'web' | 'worker' | 'gpu';

/** A running node. */
export interface Node extends Parts {
  openWork(viewer: Viewer | null): Work;
  readonly app: Koa<State>;
  readonly queue: Queue;
  /** What the operator reads on the terminal: the address, and the one-time link while there is no owner. */
  greeting(address: URL): Promise<string>;
  /** Starts what is named, and returns the address when `web` is among it. */
  start(processes: readonly Process[]): Promise<URL | null>;
  /** Finishes requests, hands jobs back, closes everything. */
  close(): Promise<void>;
}

export interface NodeOptions {
  /** The clock; tests hold it still. */
  readonly now?: () => Date;
  readonly log?: Log;
  readonly queueTimes?: Partial<QueueTimes>;
  readonly engineLimits?: Partial<EngineLimits>;
  readonly serverTimes?: Partial<ServerTimes>;
  /** How long turns of trainings are. */
  readonly training?: Pick<TrainerOptions, 'times'>;
  /** Resolver, socket policy and authority in place of the public internet's, for tests with peers of their own. */
  readonly net?: Pick<NetOptions, 'reach' | 'resolve' | 'ca'>;
}

/** The server that ENGINE names in the place of our own engine. */
function serverOf(
  { engine, comfyuiUrl, sdapiUrl }: Config,
  net: Net,
  times?: Partial<ServerTimes>,
): ServerChoice | null {
  const address = engine === 'comfyui' ? comfyuiUrl : engine === 'sdapi' ? sdapiUrl : null;
  if (!address || (engine !== 'comfyui' && engine !== 'sdapi')) return null;
  return { kind: engine, address, net, ...(times ? { times } : {}) };
}

/** Makes all that lives as long as the process. The schema is up to date when it returns. */
export async function openNode(
  config: Config,
  {
    now = () => new Date(),
    log = makeLog(config.logLevel),
    queueTimes,
    engineLimits,
    serverTimes,
    training,
    net: ways,
  }: NodeOptions = {},
): Promise<Node> {
  const dataDir = resolve(config.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const orm = await openDatabase({ url: config.databaseUrl, dataDir, entities: ENTITIES, log });
  const migrated = await migrate(orm);
  if (migrated.length > 0) log.info({ migrated }, 'database');
  const files = await openFiles(config, dataDir);
  const secretKey = config.secretKey ?? (await keptSecret(join(dataDir, 'secret.key')));
  const settings = new Settings();
  const reach = config.federationPrivateAddresses ? nearbyReach : publicReach;
  const net = makeNet({
    userAgent: `Tessera/${VERSION} (+${config.publicUrl.href})`,
    ownHost: config.publicUrl.host,
    reach,
    ...ways,
  });
  const mailer = new Mailer(await openTransport(config), config.publicUrl);
  const limits = new RateLimits(now);
  const cookies = new Cookies(config.publicUrl.protocol === 'https:');
  const queue = await openQueue({
    orm,
    files,
    log,
    now,
    redisUrl: config.redisUrl,
    ...(queueTimes ? { times: queueTimes } : {}),
  });
  const uploadsDir = join(dataDir, 'uploads');
  const receivingDir = join(uploadsDir, 'files');
  mkdirSync(receivingDir, { recursive: true });
  const hashing = new Hashing();
  const filePolicy = { allowPickle: config.allowPickle, clamdSocket: config.clamdSocket };
  const uploads = new Uploads(receivingDir, hashing, {
    ...filePolicy,
    maxUploadBytes: config.maxUploadBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
  });
  await seedBaseModels(orm.em.fork());
  const modelsDir = config.modelsDir === null ? null : resolve(config.modelsDir);
  const engines = new Engines({
    ...{ dataDir, modelsDir, files, settings, log, now },
    engine: config.engine,
    pythonPath: config.enginePython,
    testFamilies: config.testFamilies,
    devices: config.engineDevices,
    sandbox: config.engineSandbox,
    server: serverOf(config, net, serverTimes),
    fork: () => orm.em.fork(),
    ...(engineLimits ? { limits: engineLimits } : {}),
  });
  const generator = new Generator({
    ...{ engines, modelsDir, settings },
    programVersion: `Tessera ${VERSION}`,
    publicUrl: config.publicUrl,
  });
  const trainer = new Trainer({
    ...{ engines, settings, modelsDir, publicUrl: config.publicUrl },
    fork: () => orm.em.fork(),
    ...training,
  });
  const imports = new Imports({
    settings,
    folder: uploadsDir,
    maxImageBytes: config.maxImageBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
  });
  const looker = new Looker(engines);
  const captioner = new Captioner({ engines, settings });
  const openWork = (viewer: Viewer | null): Work => ({ em: orm.em.fork(), viewer, jobs: queue.jobs, files, now });
  const federation = openFederation({
    ...{ net, settings, limits, log, secretKey, uploadsDir, hashing, filePolicy },
    maxCopyBytes: config.maxUploadBytes,
    publicUrl: config.publicUrl,
    mode: config.federation,
    version: VERSION,
    openWork: () => openWork(null),
    maxImageBytes: config.maxImageBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
  });
  const closing = new AbortController();
  const parts: Parts = {
    config,
    log,
    now,
    orm,
    files,
    jobs: queue.jobs,
    net,
    settings,
    limits,
    cookies,
    mailer,
    uploads,
    engines,
    generator,
    trainer,
    imports,
    looker,
    captioner,
    secretKey,
    dataDir,
    uploadsDir,
    federation,
    closing: closing.signal,
  };

  const app = makeApp({
    log,
    isHttps: config.publicUrl.protocol === 'https:',
    trustedProxyCount: config.trustedProxyCount,
    openWork,
    identify: (ctx, work) => identify(ctx, work, cookies),
    pageState: (ctx, viewer) => loadPageState(ctx, ctx.state.work ?? openWork(viewer), viewer, settings),
    isCookieless,
    isReady: async () => {
      await rows(orm.em.fork(), 'select 1 as one');
    },
    routers: routersOf(parts),
  });

  let server: Server | null = null;
  let checking: NodeJS.Timeout | null = null;
  /** A node stops on a federation library that it does not know (spec/federation.md); loading it takes a tenth of a second. */
  const checkFederation = () => {
    try {
      federation.apex();
    } catch (error) {
      log.fatal({ err: error }, 'federation');
      throw error;
    }
  };
  return {
    ...parts,
    openWork,
    app,
    queue,
    async greeting(address) {
      const publicUrl = config.port === 0 ? address : config.publicUrl;
      const token = await issueSetUpToken(openWork(null));
      const setUp = token
        ? `\n  Make the owner's account (the link works once): ${new URL(`/setup?token=${token}`, publicUrl).href}\n`
        : '';
      return `\n  Tessera is at ${publicUrl.href}\n${setUp}\n`;
    },
    async start(processes) {
      if (processes.includes('web')) await uploads.resume(openWork(null));
      if (processes.includes('worker')) {
        await scheduleUploadSweep(openWork(null), uploads);
        await scheduleAccountSweep(openWork(null));
        await scheduleCollection(openWork(null));
        await scheduleGallerySweep(openWork(null));
        await federation.schedule(openWork(null));
      }
      if (processes.includes('gpu')) await engines.serve();
      await queue.start({
        jobs: jobsOf(parts),
        wiring: wiringOf(parts),
        lanes: lanesOf(processes),
        places: { gpu: engines.places() },
      });
      if (!processes.includes('web')) return null;
      server = createServer(app.callback());
      // a stranger who sends a header byte by byte holds a socket, not a process
      server.headersTimeout = 15_000;
      server.requestTimeout = 0;
      server.keepAliveTimeout = 65_000;
      await new Promise<void>((done, fail) =>
        server?.once('error', fail).listen(config.port, config.host, () => done()),
      );
      if (federation.mode !== 'off') checking = setTimeout(checkFederation, CHECK_AFTER_MS).unref();
      const { port } = server.address() as AddressInfo;
      return new URL(`http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`);
    },
    async close() {
      if (checking) clearTimeout(checking);
      closing.abort();
      const closed = server && new Promise<void>((done) => server?.close(() => done()));
      server?.closeIdleConnections();
      const late = setTimeout(() => server?.closeAllConnections(), CLOSE_WITHIN_MS);
      await Promise.all([closed, queue.close()]);
      clearTimeout(late);
      await engines.close();
      await uploads.close();
      await orm.close(true);
    },
  };
}

/** Every address of the node: one line for each room. */
function routersOf(parts: Parts): Router<State>[] {
  const { federation } = parts;
  return [
    ...federationRoutes(federation, adminLinksOf(parts)),
    // the pages that everybody asks for, before the many that few do
    copyRoutes(federation, { adminLinks: adminLinksOf(parts) }),
    discoveryRoutes({
      limits: parts.limits,
      lookUp: searcherOf(federation),
      findSilence: silenceFinder(federation),
      isArriving: isBackfilling,
      listCopies: federation.mode === 'off' ? null : (work, fileIds) => listCopyViews(work, federation, fileIds),
    }),
    ...accountRoutes(accountDeps(parts)),
    catalogueRoutes(catalogueDeps(parts)),
    galleryRoutes(galleryDeps(parts)),
    computeRoutes(computeDeps(parts)),
    jobRoutes(computeDeps(parts)),
    gpuRoutes({ settings: parts.settings, publicUrl: parts.config.publicUrl, adminLinks: adminLinksOf(parts) }),
    runnerRoutes(runnerDeps(parts)),
    datasetRoutes(trainingDeps(parts)),
    trainingRoutes(trainingDeps(parts)),
    operatorRoutes({ adminLinks: adminLinksOf(parts), minFreeBytes: parts.config.minFreeBytes }),
  ];
}

/** Pages under `/admin` of the rooms above accounts. */
const adminLinksOf = ({ federation }: Parts): readonly AdminLink[] => [
  ...(federation.mode === 'off'
    ? []
    : [...REPORT_LINKS, ...PEER_LINKS, ...READING_LINKS, ...MEDIA_LINKS, ...COPY_LINKS]),
  ...GPU_LINKS,
  ...OPERATOR_LINKS,
];

/** What the search finds elsewhere. */
const searcherOf = (federation: OpenFederation): LookUp | null =>
  federation.mode === 'off' ? null : (work, text, mayAsk) => findPage(work, federation, text, mayAsk);

const silenceFinder = ({ mode }: OpenFederation): FindSilence => (mode === 'off' ? async () => null : findSilence);

const peerFinder = (federation: OpenFederation) =>
  federation.mode === 'off'
    ? null
    : async (work: Work, handle: string) => (await resolveAccount(work, federation, handle))?.id ?? null;

function accountDeps(parts: Parts): AccountDeps {
  const { config, cookies, limits, settings, mailer, secretKey, uploadsDir, federation } = parts;
  return {
    ...{ cookies, limits, settings, mailer, secretKey, uploadsDir },
    publicUrl: config.publicUrl,
    maxImageBytes: config.maxImageBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
    adminLinks: adminLinksOf(parts),
    moving: {
      findActor:
        federation.mode === 'off' ? null : (work: Work, handle: string) => findActorNow(work, federation, handle),
      uriOf: (account) => actorUri(federation.origin, account),
    },
  };
}

function catalogueDeps(parts: Parts): CatalogueDeps {
  const { uploads, limits, secretKey, uploadsDir, orm, jobs, files, now } = parts;
  return {
    ...{ uploads, limits, secretKey, uploadsDir },
    openWork: () => ({ em: orm.em.fork(), viewer: null, jobs, files, now }),
  };
}

function galleryDeps({ config, limits, settings, uploadsDir, federation }: Parts): GalleryDeps {
  const { publicUrl, maxImageBytes, minFreeBytes, accountQuotaBytes: defaultQuotaBytes } = config;
  const [findPeer, findSilence] = [peerFinder(federation), silenceFinder(federation)];
  return {
    limits,
    settings,
    uploadsDir,
    publicUrl,
    maxImageBytes,
    minFreeBytes,
    defaultQuotaBytes,
    findPeer,
    findSilence,
  };
}

function computeDeps({ config, generator, limits, settings, uploadsDir }: Parts): ComputeDeps {
  const { maxImageBytes, minFreeBytes, accountQuotaBytes: defaultQuotaBytes } = config;
  const programVersion = `Tessera ${VERSION}`;
  return { generator, limits, settings, uploadsDir, maxImageBytes, minFreeBytes, defaultQuotaBytes, programVersion };
}

function trainingDeps(parts: Parts): TrainingDeps {
  const { uploads, trainer, imports, captioner, orm, jobs, files, now } = parts;
  return {
    ...computeDeps(parts),
    ...{ uploads, trainer, imports, captioner },
    openWork: () => ({ em: orm.em.fork(), viewer: null, jobs, files, now }),
  };
}

function runnerDeps({ config, files, limits, orm, uploadsDir, closing }: Parts): RunnerDeps {
  const { maxImageBytes, minFreeBytes, modelsDir } = config;
  return {
    ...{ limits, closing },
    fork: () => orm.em.fork(),
    models: new ModelFiles(files, modelsDir === null ? null : resolve(modelsDir)),
    returns: new Returns({ folder: join(uploadsDir, 'runners'), files, maxImageBytes, minFreeBytes }),
  };
}

const VERSION = '0.1.0';
/** After listening, so that nobody waits for it. */
const CHECK_AFTER_MS = 1_000;
/** Open requests and event streams get this long at shutdown. */
const CLOSE_WITHIN_MS = 10_000;

/** Inboxes prove who asks by a signature, runners by a token of their own, so no cookie counts there. */
const isCookieless = (path: string): boolean =>
  path === '/inbox' ||
  path.startsWith(`${RUNNER_PATH}/`) ||
  /^\/(?:users\/[^/]+|(?:models|collections|tags)\/[^/]+\/actor)\/inbox$/.test(path);

function lanesOf(processes: readonly Process[]): Lane[] {
  const lanes: Lane[] = [];
  if (processes.includes('worker')) lanes.push('inbox', 'delivery', 'media', 'mail', 'clock');
  if (processes.includes('gpu')) lanes.push('gpu');
  return lanes;
}

// The libraries of S3 and mail are large, and most nodes need neither: they are loaded where a setting asks for them.

async function openFiles({ s3 }: Config, dataDir: string): Promise<Files> {
  if (!s3) return DiskFiles.at(join(dataDir, 'files'));
  const { S3Files } = await import('./kit/storage/s3.ts');
  return S3Files.at(s3);
}

async function openTransport({ smtpUrl, mailFrom }: Config): Promise<MailTransport | null> {
  if (!smtpUrl) return null;
  const { openSmtp } = await import('./kit/net/smtp.ts');
  return openSmtp(smtpUrl, mailFrom);
}

/** A secret that is made at first start and then stays; part of every backup. */
async function keptSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    await writeFile(path, `${randomToken(48)}\n`, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      // another process of this node was first
      if (error.code !== 'EEXIST') throw error;
    });
    return (await readFile(path, 'utf8')).trim();
  }
}
