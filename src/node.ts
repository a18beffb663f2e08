import { mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { MikroORM } from '@mikro-orm/core';
import type Koa from 'koa';
import { identify } from './accounts/access/identify.ts';
import { issueSetUpToken } from './accounts/joining/set-up.ts';
import { Mailer } from './accounts/mail/mailer.ts';
import { loadPageState } from './accounts/page-state.ts';
import { scheduleAccountSweep } from './accounts/sweep.ts';
import { seedBaseModels } from './catalogue/base-models.ts';
import { Hashing } from './catalogue/files/hash.ts';
import { scheduleUploadSweep } from './catalogue/uploads/sweep.ts';
import { Uploads } from './catalogue/uploads/uploads.ts';
import { Captioner } from './compute/datasets/captioning/captioner.ts';
import { Imports } from './compute/datasets/import-zip.ts';
import { Looker } from './compute/datasets/notes/look.ts';
import type { EngineLimits } from './compute/engine/watchdog.ts';
import { Engines } from './compute/engines/engines.ts';
import type { Guard } from './compute/gates/generation.ts';
import { Generator } from './compute/generator.ts';
import { scheduleSettling } from './compute/gpu/credits.ts';
import { RUNNER_PATH } from './compute/runners/protocol.ts';
import type { ServerChoice } from './compute/server/choose.ts';
import type { ServerTimes } from './compute/server/engine.ts';
import { Trainer, type TrainerOptions } from './compute/training/trainer.ts';
import { addCredits } from './economy/page-state.ts';
import { ENTITIES } from './entities.ts';
import { PEER_DESKS } from './federation/desks.ts';
import { type OpenFederation, openFederation } from './federation/federation.ts';
import { PEER_PAGES } from './federation/flags/queue.ts';
import { scheduleGallerySweep } from './gallery/sweep.ts';
import type { Config } from './kit/config.ts';
import { migrate } from './kit/database/migrate.ts';
import { openDatabase } from './kit/database/open.ts';
import { rows } from './kit/database/sql.ts';
import { randomToken } from './kit/ids.ts';
import { type Log, makeLog } from './kit/log.ts';
import { makeNet, type Net, type NetOptions } from './kit/net/net.ts';
import type { MailTransport } from './kit/net/smtp.ts';
import { nearbyReach, publicReach } from './kit/net/target.ts';
import type { Lane } from './kit/queue/define.ts';
import type { Jobs } from './kit/queue/jobs.ts';
import { openQueue, type Queue, type QueueTimes } from './kit/queue/open.ts';
import { Settings } from './kit/settings.ts';
import { DiskFiles } from './kit/storage/disk.ts';
import type { Files } from './kit/storage/files.ts';
import { Vault } from './kit/storage/vault.ts';
import { VERSION } from './kit/version.ts';
import { makeApp } from './kit/web/app.ts';
import { Cookies } from './kit/web/cookies.ts';
import { RateLimits } from './kit/web/rate-limit.ts';
import type { State } from './kit/web/state.ts';
import type { Viewer, Work } from './kit/work.ts';
import { Claims } from './moderation/cases/claims.ts';
import { CASE_PAGES } from './moderation/cases/pages/routes.ts';
import { hashDesk } from './moderation/hashes/desk.ts';
import { Rescanner } from './moderation/hashes/rescan.ts';
import { holdDesk } from './moderation/holds/desk.ts';
import { Desks } from './moderation/queue/desk.ts';
import { reportDesk } from './moderation/reports/desk.ts';
import { seedRules } from './moderation/rules/list.ts';
import { scheduleAuditWatch } from './moderation/staff/audit-watch.ts';
import { appealDesk } from './moderation/statements/appeal.ts';
import { scheduleCollection } from './operator/collect.ts';
import { routersOf } from './routers.ts';
import { Classifier, type ClassifierOptions } from './safety/classifier/classifier.ts';
import { HashGate } from './safety/hashes/gate.ts';
import { Screening } from './safety/screening.ts';
import { jobsOf, wiringOf } from './wiring.ts';

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
  readonly generator: Generator;
  readonly trainer: Trainer;
  readonly imports: Imports;
  readonly looker: Looker;
  readonly captioner: Captioner;
  /** Who decides what waits in the queue. */
  readonly desks: Desks;
  /** What was taken down and is not purged yet. */
  readonly vault: Vault;
  readonly claims: Claims;
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
  readonly classifierTimes?: NonNullable<ClassifierOptions['times']>;
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
    classifierTimes,
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
  const hashGate = new HashGate(now);
  const rescanner = new Rescanner(hashGate);
  const filePolicy = { allowPickle: config.allowPickle, clamdSocket: config.clamdSocket, hashGate };
  const uploads = new Uploads(receivingDir, hashing, {
    ...filePolicy,
    maxUploadBytes: config.maxUploadBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
  });
  await seedBaseModels(orm.em.fork());
  await seedRules(orm.em.fork(), now());
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
  const classifier = new Classifier({
    ...{ net, log, url: config.classifierUrl, secret: config.classifierSecret, isShadow: config.isClassifierShadow },
    ...(classifierTimes ? { times: classifierTimes } : {}),
  });
  const screening = new Screening({ secretKey, settings, classifier });
  const guard: Guard = { screening, settings };
  const generator = new Generator({
    ...{ engines, modelsDir, settings, guard, hashGate },
    programVersion: `Tessera ${VERSION}`,
    publicUrl: config.publicUrl,
  });
  const trainer = new Trainer({
    ...{ engines, settings, guard, modelsDir, hashGate, publicUrl: config.publicUrl },
    fork: () => orm.em.fork(),
    ...training,
  });
  const imports = new Imports({
    settings,
    hashGate,
    folder: uploadsDir,
    maxImageBytes: config.maxImageBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
  });
  const looker = new Looker(engines);
  const captioner = new Captioner({ engines, settings });
  const openWork = (viewer: Viewer | null): Work => ({ em: orm.em.fork(), viewer, jobs: queue.jobs, files, now });
  const claims = new Claims({ settings, mailer, publicUrl: config.publicUrl, secretKey });
  const federation = openFederation({
    ...{ net, settings, limits, log, secretKey, dataDir, uploadsDir, hashing, filePolicy, hashGate },
    maxCopyBytes: config.maxUploadBytes,
    publicUrl: config.publicUrl,
    mode: config.federation,
    version: VERSION,
    openWork: () => openWork(null),
    maxImageBytes: config.maxImageBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
  });
  const desks = new Desks(
    [holdDesk, hashDesk, appealDesk, ...PEER_DESKS, reportDesk({ mailer, settings, publicUrl: config.publicUrl })],
    [CASE_PAGES, PEER_PAGES],
  );
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
    hashGate,
    rescanner,
    engines,
    screening,
    generator,
    trainer,
    imports,
    looker,
    captioner,
    desks,
    vault: await Vault.at(join(dataDir, 'vault'), secretKey),
    secretKey,
    dataDir,
    uploadsDir,
    claims,
    federation,
    closing: closing.signal,
  };

  const app = makeApp({
    log,
    isHttps: config.publicUrl.protocol === 'https:',
    trustedProxyCount: config.trustedProxyCount,
    openWork,
    identify: (ctx, work) => identify(ctx, work, cookies),
    pageState: async (ctx, viewer) => {
      const work = ctx.state.work ?? openWork(viewer);
      const page = await loadPageState(ctx, work, viewer, settings);
      return ctx.state.door === 'cookie' ? addCredits(page, work, viewer, settings) : page;
    },
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
        await scheduleSettling(openWork(null));
        await scheduleAuditWatch(openWork(null));
        await claims.schedule(openWork(null));
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
      await hashGate.close();
      await screening.close();
      await orm.close(true);
    },
  };
}

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
