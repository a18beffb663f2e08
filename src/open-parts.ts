import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Mailer } from './accounts/mail/mailer.ts';
import { seedBaseModels } from './catalogue/base-models.ts';
import { Hashing } from './catalogue/files/hash.ts';
import { Uploads } from './catalogue/uploads/uploads.ts';
import { Captioner } from './compute/datasets/captioning/captioner.ts';
import { Imports } from './compute/datasets/import-zip.ts';
import { Looker } from './compute/datasets/notes/look.ts';
import { Engines } from './compute/engines/engines.ts';
import type { Guard } from './compute/gates/generation.ts';
import { Generator } from './compute/generator.ts';
import { Merger } from './compute/merging/merger.ts';
import type { ServerChoice } from './compute/server/choose.ts';
import type { ServerTimes } from './compute/server/engine.ts';
import { Trainer } from './compute/training/trainer.ts';
import { ENTITIES } from './entities.ts';
import { resolveAccount } from './federation/actors/resolve.ts';
import { PEER_DESKS } from './federation/desks.ts';
import { type OpenFederation, openFederation } from './federation/federation.ts';
import { PEER_PAGES } from './federation/flags/queue.ts';
import { findKnown } from './gallery/posts/mentions.ts';
import type { Config } from './kit/config.ts';
import { migrate } from './kit/database/migrate.ts';
import { openDatabase } from './kit/database/open.ts';
import { newId } from './kit/ids.ts';
import { keptSecret } from './kit/kept-secret.ts';
import { makeLog } from './kit/log.ts';
import { makeNet, type Net } from './kit/net/net.ts';
import { openTransport } from './kit/net/open-mail.ts';
import { nearbyReach, publicReach } from './kit/net/target.ts';
import { openQueue, type Queue } from './kit/queue/open.ts';
import { Settings } from './kit/settings.ts';
import { openStores } from './kit/storage/open.ts';
import { LineLog } from './kit/storage/vault/line-log.ts';
import { Vault } from './kit/storage/vault/vault.ts';
import { VERSION } from './kit/version.ts';
import { Cookies } from './kit/web/cookies.ts';
import { RateLimits } from './kit/web/rate-limit.ts';
import type { Viewer, Work } from './kit/work.ts';
import { Claims } from './moderation/cases/claims.ts';
import { CASE_PAGES } from './moderation/cases/pages/routes.ts';
import { hashDesk } from './moderation/hashes/desk.ts';
import { Rescanner } from './moderation/hashes/rescan.ts';
import { holdDesk } from './moderation/holds/desk.ts';
import { Desks } from './moderation/queue/desk.ts';
import { reportDesk } from './moderation/reports/desk.ts';
import { seedRules } from './moderation/rules/list.ts';
import { appealDesk } from './moderation/statements/appeal.ts';
import { MARKS_FILE } from './moderation/takedown/again/marks.ts';
import { makeVapid } from './notifications/push/vapid.ts';
import type { NodeOptions, Parts } from './parts.ts';
import { Classifier } from './safety/classifier/classifier.ts';
import { HashGate } from './safety/hashes/gate.ts';
import { Screening } from './safety/screening.ts';
import { WordReader } from './safety/words/reader.ts';
import { Exports } from './transfer/export/make.ts';
import { Transfers } from './transfer/import/transfers.ts';

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

/** Where the node does not federate, only people here are found. */
const personFinder =
  (federation: OpenFederation) =>
  async (work: Work, handle: string): Promise<number | null> =>
    federation.mode === 'off'
      ? findKnown(work.em)(handle.slice(1).replace(`@${federation.host}`, ''))
      : ((await resolveAccount(work, federation, handle))?.id ?? null);

interface Opened {
  readonly parts: Parts;
  readonly queue: Queue;
  openWork(viewer: Viewer | null): Work;
}

/** Makes all that lives as long as the process. The schema is up to date when it returns. */
export async function openParts(
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
  }: NodeOptions,
  closing: AbortSignal,
): Promise<Opened> {
  const dataDir = resolve(config.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const orm = await openDatabase({ url: config.databaseUrl, dataDir, entities: ENTITIES, log });
  const migrated = await migrate(orm);
  if (migrated.length > 0) log.info({ migrated }, 'database');
  const { files, vaultShelf, marksShelf } = await openStores(config, dataDir);
  const secretKey = config.secretKey ?? (await keptSecret(join(dataDir, 'secret.key')));
  const vault = new Vault(vaultShelf, secretKey);
  const marks = new LineLog(dataDir, MARKS_FILE, marksShelf, () => newId(now().getTime()));
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
    compiles: config.engineCompiles,
    batching: config.engineBatching,
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
  const words = new WordReader({ screening, jobs: queue.jobs, now, fork: () => orm.em.fork() });
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
  const merger = new Merger({
    ...{ engines, settings, guard, modelsDir, publicUrl: config.publicUrl },
    fork: () => orm.em.fork(),
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
  const openWork = (viewer: Viewer | null): Work => ({
    ...{ em: orm.em.fork(), viewer, jobs: queue.jobs, files, words, now },
  });
  const claims = new Claims({
    ...{ settings, mailer, publicUrl: config.publicUrl, secretKey, hashGate, net },
    clamdSocket: config.clamdSocket,
  });
  const federation = openFederation({
    ...{ net, settings, limits, log, secretKey, marks, uploadsDir, hashing, filePolicy, hashGate },
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
  const exports = new Exports({
    ...{ mailer, settings, publicUrl: config.publicUrl },
    folder: join(uploadsDir, 'exports'),
  });
  const transfers = new Transfers({
    ...{ uploads, settings, net, secretKey, publicUrl: config.publicUrl, folder: join(uploadsDir, 'transfers') },
    limits: {
      ...{ hashGate, maxImageBytes: config.maxImageBytes, minFreeBytes: config.minFreeBytes },
      defaultQuotaBytes: config.accountQuotaBytes,
    },
    findPerson: personFinder(federation),
  });
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
    words,
    generator,
    trainer,
    merger,
    imports,
    looker,
    captioner,
    desks,
    vault,
    vaultShelf,
    marks,
    secretKey,
    dataDir,
    uploadsDir,
    claims,
    federation,
    vapid: makeVapid(secretKey, config.publicUrl),
    exports,
    transfers,
    closing,
  };
  return { parts, queue, openWork };
}
