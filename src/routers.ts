import { join, resolve } from 'node:path';
import type Router from '@koa/router';
import type { AccountDeps, AdminLink } from './accounts/deps.ts';
import { accountRoutes } from './accounts/routes.ts';
import { apiRoutes } from './api/routes.ts';
import { webhookRoutes } from './api/webhooks/routes.ts';
import type { CatalogueDeps } from './catalogue/deps.ts';
import { catalogueRoutes } from './catalogue/routes.ts';
import { datasetRoutes } from './compute/datasets/pages/routes.ts';
import type { ComputeDeps } from './compute/deps.ts';
import { GPU_LINKS, gpuRoutes } from './compute/gpu/admin-routes.ts';
import { jobRoutes } from './compute/jobs/routes.ts';
import { type MergeDeps, mergeRoutes } from './compute/merging/pages/routes.ts';
import { ModelFiles } from './compute/models/whole-files.ts';
import { Returns } from './compute/runners/receive.ts';
import { type RunnerDeps, runnerRoutes } from './compute/runners/routes.ts';
import { computeRoutes } from './compute/tool/routes.ts';
import type { TrainingDeps } from './compute/training/pages/deps.ts';
import { trainingRoutes } from './compute/training/pages/routes.ts';
import { reachFinder } from './discovery/lists/engine-reach.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import type { LookUp } from './discovery/search.ts';
import { CREDIT_LINKS, creditAdminRoutes } from './economy/admin-routes.ts';
import type { EconomyDeps } from './economy/deps.ts';
import { economyRoutes } from './economy/routes.ts';
import { resolveAccount } from './federation/actors/resolve.ts';
import { actorUri } from './federation/addresses.ts';
import { COPY_LINKS, copyRoutes } from './federation/copies/routes.ts';
import { listCopyViews } from './federation/copies/view.ts';
import type { OpenFederation } from './federation/federation.ts';
import { isBackfilling } from './federation/ingest/backfill.ts';
import { findPage } from './federation/looking/look-up.ts';
import { findActorNow } from './federation/moving/find-actor.ts';
import { countPublicCompliance, findPublicCompliance } from './federation/notices/public.ts';
import { MEDIA_LINKS } from './federation/pages/media-settings-routes.ts';
import { READING_LINKS } from './federation/pages/reading-routes.ts';
import { REPORT_LINKS } from './federation/pages/report-routes.ts';
import { PEER_LINKS } from './federation/peers/routes.ts';
import { findSilence } from './federation/peers/silence.ts';
import { federationRoutes } from './federation/routes.ts';
import type { FindSilence, GalleryDeps } from './gallery/deps.ts';
import { galleryRoutes } from './gallery/routes.ts';
import { VERSION } from './kit/version.ts';
import type { State } from './kit/web/state.ts';
import type { Work } from './kit/work.ts';
import type { CaseDeps } from './moderation/cases/pages/deps.ts';
import { caseRoutes } from './moderation/cases/pages/routes.ts';
import { CLAIM_LINKS } from './moderation/cases/pages/settings-routes.ts';
import { MODERATION_LINKS } from './moderation/deps.ts';
import { isLookedInto } from './moderation/looked-into.ts';
import { SignedPaths } from './moderation/queue/signed.ts';
import { moderationRoutes } from './moderation/routes.ts';
import { type NotificationDeps, notificationRoutes } from './notifications/routes.ts';
import { OPERATOR_LINKS, operatorRoutes } from './operator/routes.ts';
import { countMissing } from './operator/start.ts';
import type { Parts } from './parts.ts';
import { PROTECT_LINKS, peopleRoutes } from './safety/people/routes.ts';
import { levelsLabelled } from './safety/ratings.ts';
import type { TransferDeps } from './transfer/deps.ts';
import { transferRoutes } from './transfer/routes.ts';

/** Every address of the node: one line for each room. */
export function routersOf(parts: Parts): Router<State>[] {
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
      findReach: reachFinder(parts.generator),
      countMissing: (work) => countMissing(work, parts.settings),
      listCopies: federation.mode === 'off' ? null : (work, fileIds) => listCopyViews(work, federation, fileIds),
    }),
    apiRoutes({
      ...{ publicUrl: parts.config.publicUrl, limits: parts.limits },
      anonymousLevels: levelsLabelled(parts.config.apiAnonymousLevels),
      findReach: reachFinder(parts.generator),
      ...{ catalogue: catalogueDeps(parts), gallery: galleryDeps(parts), training: trainingDeps(parts) },
      ...{ merging: mergeDeps(parts), economy: economyDeps(parts), notifications: notificationDeps(parts) },
      ...{ transfer: transferDeps(parts), secretKey: parts.secretKey, judgePicture: accountDeps(parts).judgePicture },
    }),
    ...accountRoutes(accountDeps(parts)),
    catalogueRoutes(catalogueDeps(parts)),
    galleryRoutes(galleryDeps(parts)),
    economyRoutes(economyDeps(parts)),
    creditAdminRoutes({ settings: parts.settings, adminLinks: adminLinksOf(parts) }),
    computeRoutes(computeDeps(parts)),
    jobRoutes(computeDeps(parts)),
    gpuRoutes({ settings: parts.settings, publicUrl: parts.config.publicUrl, adminLinks: adminLinksOf(parts) }),
    runnerRoutes(runnerDeps(parts)),
    datasetRoutes(trainingDeps(parts)),
    trainingRoutes(trainingDeps(parts)),
    mergeRoutes(mergeDeps(parts)),
    peopleRoutes({
      ...{ limits: parts.limits, screening: parts.screening, secretKey: parts.secretKey },
      adminLinks: adminLinksOf(parts),
    }),
    ...moderationRoutes({
      ...{ limits: parts.limits, settings: parts.settings, desks: parts.desks },
      ...{ hashGate: parts.hashGate, screening: parts.screening, secretKey: parts.secretKey },
      ...{ uploadsDir: parts.uploadsDir, maxImageBytes: parts.config.maxImageBytes },
      ...{ vault: parts.vault, marks: parts.marks, signed: new SignedPaths(parts.secretKey) },
      adminLinks: adminLinksOf(parts),
      compliance: federation.mode === 'off' ? null : { total: countPublicCompliance, of: findPublicCompliance },
    }),
    ...caseRoutes(caseDeps(parts)),
    notificationRoutes(notificationDeps(parts)),
    webhookRoutes({ limits: parts.limits, secretKey: parts.secretKey }),
    transferRoutes(transferDeps(parts)),
    operatorRoutes({
      adminLinks: adminLinksOf(parts),
      settings: parts.settings,
      minFreeBytes: parts.config.minFreeBytes,
    }),
  ];
}

/** Pages under `/admin` of the rooms above accounts. */
const adminLinksOf = ({ federation }: Parts): readonly AdminLink[] => [
  ...MODERATION_LINKS,
  ...(federation.mode === 'off'
    ? []
    : [...REPORT_LINKS, ...PEER_LINKS, ...READING_LINKS, ...MEDIA_LINKS, ...COPY_LINKS]),
  ...PROTECT_LINKS,
  ...GPU_LINKS,
  ...CREDIT_LINKS,
  ...CLAIM_LINKS,
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
  const { config, cookies, limits, settings, mailer, secretKey, uploadsDir, federation, hashGate } = parts;
  return {
    ...{ cookies, limits, settings, mailer, secretKey, uploadsDir },
    publicUrl: config.publicUrl,
    maxImageBytes: config.maxImageBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
    adminLinks: adminLinksOf(parts),
    judgePicture: ({ em }, arrival, path) => hashGate.assertPicture(em, arrival, path),
    moving: {
      findActor:
        federation.mode === 'off' ? null : (work: Work, handle: string) => findActorNow(work, federation, handle),
      uriOf: (account) => actorUri(federation.origin, account),
    },
  };
}

function catalogueDeps(parts: Parts): CatalogueDeps {
  const { uploads, limits, secretKey, uploadsDir, orm, jobs, files, words, now } = parts;
  return {
    ...{ uploads, limits, secretKey, uploadsDir },
    openWork: () => ({ em: orm.em.fork(), viewer: null, jobs, files, words, now }),
  };
}

function galleryDeps({ config, limits, settings, uploadsDir, federation, hashGate }: Parts): GalleryDeps {
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
    hashGate,
    findPeer,
    findSilence,
  };
}

function computeDeps({ config, generator, limits, settings, uploadsDir, hashGate }: Parts): ComputeDeps {
  const { maxImageBytes, minFreeBytes, accountQuotaBytes: defaultQuotaBytes } = config;
  const programVersion = `Tessera ${VERSION}`;
  return {
    ...{ generator, limits, settings, uploadsDir, hashGate, programVersion },
    ...{ maxImageBytes, minFreeBytes, defaultQuotaBytes },
  };
}

function trainingDeps(parts: Parts): TrainingDeps {
  const { uploads, trainer, imports, captioner, orm, jobs, files, words, now } = parts;
  return {
    ...computeDeps(parts),
    ...{ uploads, trainer, imports, captioner },
    openWork: () => ({ em: orm.em.fork(), viewer: null, jobs, files, words, now }),
  };
}

const mergeDeps = (parts: Parts): MergeDeps => ({
  ...computeDeps(parts),
  ...{ merger: parts.merger, uploads: parts.uploads },
});

const economyDeps = (parts: Parts): EconomyDeps => ({
  ...galleryDeps(parts),
  ...{ screening: parts.screening, isLookedInto },
});

const notificationDeps = ({ limits, vapid, secretKey, closing, mailer, orm }: Parts): NotificationDeps => ({
  ...{ limits, vapid, secretKey, closing, sendsMail: mailer.isConnected },
  fork: () => orm.em.fork(),
});

function transferDeps(parts: Parts): TransferDeps {
  const { limits, secretKey, exports, transfers, uploads, uploadsDir, orm, jobs, files, words, now, config } = parts;
  return {
    ...{ limits, secretKey, exports, transfers, uploads, uploadsDir, publicUrl: config.publicUrl },
    openWork: () => ({ em: orm.em.fork(), viewer: null, jobs, files, words, now }),
  };
}

const caseDeps = (parts: Parts): CaseDeps => ({
  ...{ claims: parts.claims, limits: parts.limits, cookies: parts.cookies, uploadsDir: parts.uploadsDir },
  adminLinks: adminLinksOf(parts),
});

function runnerDeps({ config, files, limits, orm, uploadsDir, closing }: Parts): RunnerDeps {
  const { maxImageBytes, minFreeBytes, modelsDir } = config;
  return {
    ...{ limits, closing },
    fork: () => orm.em.fork(),
    models: new ModelFiles(files, modelsDir === null ? null : resolve(modelsDir)),
    returns: new Returns({ folder: join(uploadsDir, 'runners'), files, maxImageBytes, minFreeBytes }),
  };
}
