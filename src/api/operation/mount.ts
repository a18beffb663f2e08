import type Router from '@koa/router';
import { requireScope } from '../../accounts/scopes.ts';
import { eyesOf } from '../../gallery/views.ts';
import { AppError } from '../../kit/errors.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { sendEvents } from '../../kit/web/event-stream.ts';
import { readMultipart } from '../../kit/web/multipart.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ApiDeps } from '../deps.ts';
import { plainNames } from '../v1/query.ts';
import { type Ask, type Operation, type OwnAsk, scopesOf } from './define.ts';
import { onlyOnce } from './once.ts';
import { readJson, readWith } from './read.ts';

/** A program asks more than a person: ten a second, and as much at once as a library of models needs. */
const LIMIT = { name: 'api', max: 600, perMs: 60_000 };
const MOST_JSON_BYTES = 100_000;

export function mountOperations(routes: Router<State>, operations: readonly Operation[], deps: ApiDeps): void {
  for (const operation of operations) {
    routes[operation.method](`/api/v1${operation.path}`, (ctx: Ctx) => answer(ctx, operation, deps));
  }
}

async function answer(ctx: Ctx, operation: Operation, deps: ApiDeps): Promise<void> {
  takeFromLimit(ctx, deps);
  // before anything is read: who may not ask is told nothing of what does not fit
  for (const scope of scopesOf(operation)) requireScope(ctx.state.work.viewer, scope);
  const { params, query } = {
    params: readWith(operation.params, ctx.params as Record<string, string>),
    query: readWith(operation.query, plainNames(ctx.query)),
  };
  const ask = await ownAskOf(ctx, deps);
  setCache(ctx, operation.cacheSeconds);
  if (operation.open) {
    const events = await operation.open(ask, { params, query, files: [] });
    await sendEvents(ctx, events);
  } else if (operation.find) {
    const found = await operation.find(ask, { params, query, files: [] });
    await sendBytes(ctx, { ...found, files: ask.files, disposition: 'attachment', cacheControl: 'private, no-cache' });
  } else if (operation.files) await answerFiles(ctx, operation, ask, { params, query });
  else {
    const body =
      operation.body && readWith(operation.body, await readJson(ctx, operation.maxBodyBytes ?? MOST_JSON_BYTES));
    const given = { params, query, body, files: [] };
    const run = async () => ({ status: operation.status ?? 200, body: await operation.run?.(ask, given) });
    const { status, body: said } = operation.once
      ? await onlyOnce(ask, { key: ctx.get('idempotency-key'), operation: operation.name, given }, run)
      : await run();
    ctx.status = status;
    ctx.body = said;
  }
}

async function answerFiles(ctx: Ctx, operation: Operation, ask: OwnAsk, given: object): Promise<void> {
  const { files: taken, status = 200 } = operation;
  if (!taken) return;
  if (!ctx.is('multipart/form-data')) throw new AppError('malformed', 'This takes a multipart form with files.');
  ask.take(taken.limit);
  const form = await readMultipart(ctx, {
    folder: ask.deps.training.uploadsDir,
    maxFiles: taken.most,
    maxFileBytes: taken.mostBytes(ask.deps),
    maxFields: 20,
  });
  try {
    if (form.files.length === 0) throw new AppError('malformed', 'There is no file in the form.');
    ctx.body = await operation.run?.(ask, { ...given, files: form.files });
    ctx.status = status;
  } finally {
    await form.discard();
  }
}

export async function askOf(ctx: Ctx, deps: ApiDeps): Promise<Ask> {
  const { publicUrl, anonymousLevels } = deps;
  const { work } = ctx.state;
  const eyes = work.viewer ? await eyesOf(work.em, work.viewer) : { levels: anonymousLevels, blurLevels: 0 };
  const url = new URL(publicUrl);
  url.pathname = ctx.path;
  url.search = ctx.querystring;
  return { ...work, eyes, origin: publicUrl.origin, deps, url };
}

/** Its viewer is there wherever an operation names a scope. */
const ownAskOf = async (ctx: Ctx, deps: ApiDeps): Promise<OwnAsk> =>
  ({ ...(await askOf(ctx, deps)), take: (limit) => void deps.limits.take(ctx, limit) }) as OwnAsk;

/** Throws `rate_limited`. The headers are those of the IETF's draft (ratelimit-headers-10). */
export function takeFromLimit(ctx: Ctx, { limits }: ApiDeps): void {
  ctx.set('RateLimit-Policy', `"${LIMIT.name}";q=${LIMIT.max};w=${LIMIT.perMs / 1_000}`);
  const { remaining, resetSeconds } = limits.take(ctx, LIMIT);
  ctx.set('RateLimit', `"${LIMIT.name}";r=${remaining};t=${resetSeconds}`);
}

/** What a token opens is its bearer's alone. */
export function setCache(ctx: Ctx, seconds: number | undefined): void {
  ctx.vary('Authorization');
  const isForAll = seconds !== undefined && ctx.state.work.viewer === null && ['GET', 'HEAD'].includes(ctx.method);
  if (!isForAll) {
    ctx.set('Cache-Control', 'private, no-store');
    return;
  }
  ctx.set('Cache-Control', `public, s-maxage=${seconds}, stale-while-revalidate=${Math.floor(seconds / 2)}`);
  // by which a CDN forgets it when something in it is taken down
  ctx.set('Cache-Tag', 'lists');
}
