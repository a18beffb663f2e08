import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type Koa from 'koa';
import { identify } from './accounts/access/identify.ts';
import { issueSetUpToken } from './accounts/joining/set-up.ts';
import { loadPageState } from './accounts/page-state.ts';
import { scheduleAccountSweep } from './accounts/sweep.ts';
import { apiDoor, isOAuthForPrograms } from './api/door.ts';
import { scheduleUploadSweep } from './catalogue/uploads/sweep.ts';
import { scheduleSettling } from './compute/gpu/credits.ts';
import { RUNNER_PATH } from './compute/runners/protocol.ts';
import { reachFinder } from './discovery/lists/engine-reach.ts';
import { lookForNewJobOf, scheduleLook } from './discovery/saved/look.ts';
import { scheduleFillLooks } from './discovery/similar/keep.ts';
import { scheduleCountDays } from './discovery/statistics/count.ts';
import { addCredits } from './economy/page-state.ts';
import { ENTITIES } from './entities.ts';
import { scheduleGallerySweep } from './gallery/sweep.ts';
import type { Config } from './kit/config.ts';
import { rows } from './kit/database/sql.ts';
import type { Lane } from './kit/queue/define.ts';
import type { Queue } from './kit/queue/open.ts';
import { openStores } from './kit/storage/open.ts';
import { makeApp } from './kit/web/app.ts';
import type { Cookies } from './kit/web/cookies.ts';
import type { State } from './kit/web/state.ts';
import type { Viewer, Work } from './kit/work.ts';
import { makeBlocks } from './moderation/hashes/blocks.ts';
import { scheduleAuditWatch } from './moderation/staff/audit-watch.ts';
import { takeDownAgain } from './moderation/takedown/again/apply.ts';
import { MARKS_FILE } from './moderation/takedown/again/marks.ts';
import { scheduleDigests } from './notifications/digest.ts';
import { addUnread } from './notifications/page-state.ts';
import { openParts } from './open-parts.ts';
import type { RestoreParts } from './operator/backup/restore.ts';
import { restoredDatabase } from './operator/backup/restore-database.ts';
import { scheduleCollection } from './operator/collect.ts';
import type { NodeOptions, Parts } from './parts.ts';
import { routersOf } from './routers.ts';
import { movedDoor } from './transfer/moved/redirects.ts';
import { jobsOf, wiringOf } from './wiring.ts';

export type Process = 'web' | 'worker' | 'gpu';

/** A running node. */
export interface Node extends Parts {
  openWork(viewer: Viewer | null): Work;
  readonly app: Koa<State>;
  readonly queue: Queue;
  /** What the operator reads on the terminal: the address, and the one-time link while there is no owner. */
  greeting(address: URL): Promise<string>;
  /** What was taken down since the backup that the database comes from. Returns how many things there were. */
  takeDownAgain(): Promise<number>;
  /** Starts what is named, and returns the address when `web` is among it. */
  start(processes: readonly Process[]): Promise<URL | null>;
  /** Finishes requests, hands jobs back, closes everything. */
  close(): Promise<void>;
}

/** The schema is up to date when it returns. */
export async function openNode(config: Config, options: NodeOptions = {}): Promise<Node> {
  const closing = new AbortController();
  const { parts, queue, openWork } = await openParts(config, options, closing.signal);
  const { log, orm, settings, cookies, uploads, hashGate, screening, engines, claims, federation, vault, marks } =
    parts;

  const app = makeApp({
    log,
    isHttps: config.publicUrl.protocol === 'https:',
    trustedProxyCount: config.trustedProxyCount,
    openWork,
    identify: (ctx, work) => identify(ctx, work, ignoresCookies(ctx.path) ? NO_COOKIES : cookies),
    pageState: async (ctx, viewer) => {
      const work = ctx.state.work ?? openWork(viewer);
      const page = await loadPageState(ctx, work, viewer, settings);
      if (ctx.state.door !== 'cookie') return page;
      return addUnread(await addCredits(page, work, viewer, settings), work, viewer);
    },
    isCookieless,
    ignoresCookies,
    doors: [apiDoor, movedDoor],
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
  const again = async () => {
    const { lines, broken } = await marks.read();
    if (broken > 0) log.warn({ broken, file: MARKS_FILE }, 'lines that cannot be read');
    if (lines.length === 0) return 0;
    const bury = federation.mode === 'off' ? null : federation.bury;
    const blocks = makeBlocks(hashGate);
    const here = await takeDownAgain(openWork(null), { vault, blocks, bury }, lines);
    const count = here + (await federation.takeDownAgain(openWork(null), lines));
    if (count > 0) log.warn({ count }, 'taken down again after a restore');
    return count;
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
    takeDownAgain: again,
    async start(processes) {
      await again();
      if (processes.includes('web')) await uploads.resume(openWork(null));
      if (processes.includes('worker')) {
        await scheduleUploadSweep(openWork(null), uploads);
        await scheduleAccountSweep(openWork(null));
        await scheduleCollection(openWork(null));
        await scheduleGallerySweep(openWork(null));
        await scheduleFillLooks(openWork(null));
        await scheduleLook(openWork(null), 0, lookForNewJobOf(reachFinder(parts.generator)));
        await scheduleCountDays(openWork(null));
        await scheduleSettling(openWork(null));
        await scheduleAuditWatch(openWork(null));
        await scheduleDigests(openWork(null));
        await claims.schedule(openWork(null));
        await federation.schedule(openWork(null));
      }
      if (processes.includes('gpu')) await engines.serve();
      await queue.start({
        words: parts.words,
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

/** Where a restore puts things: the stores of a node that is not there yet, and its database. */
export async function openRestore(config: Config): Promise<RestoreParts & { close(): void }> {
  const dataDir = resolve(config.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const { files, vaultShelf, close } = await openStores(config, dataDir);
  return { config, database: restoredDatabase(config, ENTITIES), files, vaultShelf, close };
}

/** After listening, so that nobody waits for it. */
const CHECK_AFTER_MS = 1_000;
/** Open requests and event streams get this long at shutdown. */
const CLOSE_WITHIN_MS = 10_000;

/** Inboxes prove who asks by a signature, runners and links in mail by a token of their own, so no cookie counts there. */
const isCookieless = (path: string): boolean =>
  path === '/inbox' ||
  path === '/notifications/unsubscribe' ||
  path.startsWith(`${RUNNER_PATH}/`) ||
  /^\/(?:users\/[^/]+|(?:models|collections|tags)\/[^/]+\/actor)\/inbox$/.test(path);

/** The API for programs is open to the pages of every site, so only a token counts there. */
const ignoresCookies = (path: string): boolean => path.startsWith('/api/v1/') || isOAuthForPrograms(path);
const NO_COOKIES: Pick<Cookies, 'read'> = { read: () => null };

function lanesOf(processes: readonly Process[]): Lane[] {
  const lanes: Lane[] = [];
  if (processes.includes('worker')) lanes.push('inbox', 'delivery', 'media', 'mail', 'clock');
  if (processes.includes('gpu')) lanes.push('gpu');
  return lanes;
}
