import type Router from '@koa/router';
import type { z } from 'zod';
import { type Eyes, eyesOf } from '../../gallery/views.ts';
import { AppError } from '../../kit/errors.ts';
import { readBody } from '../../kit/web/forms.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import type { ApiDeps } from '../deps.ts';
import { plainNames } from './query.ts';

/** Who asks for what, and where. */
export interface Ask extends Pick<Work, 'em' | 'viewer' | 'now'> {
  /** What whoever asks may be given unasked. */
  readonly eyes: Eyes;
  readonly origin: string;
  /** The address that was asked, under the node's own name. */
  readonly url: URL;
}

type Given<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

export interface Operation<
  Params extends z.ZodObject | undefined = z.ZodObject | undefined,
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodType | undefined = z.ZodType | undefined,
  Answer extends z.ZodType = z.ZodType,
> {
  readonly method: 'get' | 'post';
  /** Under `/api/v1`, as the router writes it. */
  readonly path: string;
  /** Its name in the document. */
  readonly name: string;
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly maxBodyBytes?: number;
  readonly answer: Answer;
  /** Seconds that caches on the way may keep what everybody gets. */
  readonly cacheSeconds?: number;
  readonly needsToken?: boolean;
  run(ask: Ask, given: { params: Given<Params>; query: Given<Query>; body: Given<Body> }): Promise<z.output<Answer>>;
}

/** Ties the types of an operation together, then forgets them, so that operations of all shapes stand in one list. */
export const defineOperation = <
  Answer extends z.ZodType,
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  operation: Operation<Params, Query, Body, Answer>,
): Operation => operation as unknown as Operation;

/** A program asks more than a person: ten a second, and as much at once as a library of models needs. */
const LIMIT = { name: 'api', max: 600, perMs: 60_000 };

export function mountOperations(routes: Router<State>, operations: readonly Operation[], deps: ApiDeps): void {
  for (const operation of operations) {
    routes[operation.method](`/api/v1${operation.path}`, async (ctx: Ctx) => {
      takeFromLimit(ctx, deps);
      const given = {
        params: read(operation.params, ctx.params as Record<string, string>),
        query: read(operation.query, plainNames(ctx.query)),
        body: operation.body && read(operation.body, await readJson(ctx, operation.maxBodyBytes ?? 100_000)),
      };
      ctx.body = await operation.run(await askOf(ctx, deps), given as never);
      setCache(ctx, operation.cacheSeconds);
    });
  }
}

export async function askOf(ctx: Ctx, { publicUrl, anonymousLevels }: ApiDeps): Promise<Ask> {
  const { em, viewer, now } = ctx.state.work;
  const eyes = viewer ? await eyesOf(em, viewer) : { levels: anonymousLevels, blurLevels: 0 };
  const url = new URL(publicUrl);
  url.pathname = ctx.path;
  url.search = ctx.querystring;
  return { em, viewer, now, eyes, origin: publicUrl.origin, url };
}

/** Throws `rate_limited`. The headers are those of the IETF's draft (ratelimit-headers-10). */
export function takeFromLimit(ctx: Ctx, { limits }: ApiDeps): void {
  ctx.set('RateLimit-Policy', `"${LIMIT.name}";q=${LIMIT.max};w=${LIMIT.perMs / 1_000}`);
  const { remaining, resetSeconds } = limits.take(ctx, LIMIT);
  ctx.set('RateLimit', `"${LIMIT.name}";r=${remaining};t=${resetSeconds}`);
}

/** What a token opens is its bearer's alone. */
export function setCache(ctx: Ctx, seconds: number | undefined): void {
  ctx.vary('Authorization');
  const isForAll = seconds !== undefined && ctx.state.work.viewer === null && ctx.method !== 'POST';
  if (!isForAll) {
    ctx.set('Cache-Control', 'private, no-store');
    return;
  }
  ctx.set('Cache-Control', `public, s-maxage=${seconds}, stale-while-revalidate=${Math.floor(seconds / 2)}`);
  // by which a CDN forgets it when something in it is taken down
  ctx.set('Cache-Tag', 'lists');
}

function read<Schema extends z.ZodType>(schema: Schema | undefined, raw: unknown): z.output<Schema> | undefined {
  if (!schema) return undefined;
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = issue?.path.join('.') ?? '';
  throw new AppError('malformed', `${name === '' ? '' : `${name}: `}${issue?.message ?? 'does not fit'}`);
}

async function readJson(ctx: Ctx, maxBytes: number): Promise<unknown> {
  try {
    return JSON.parse((await readBody(ctx, maxBytes)).toString('utf8'));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('malformed', 'The body is not valid JSON.', { cause });
  }
}
