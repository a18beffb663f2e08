import Router from '@koa/router';
import type { EntityManager } from '@mikro-orm/core';
import type { Middleware } from 'koa';
import type { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { isSha256 } from '../../kit/storage/files.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { checkForm, readBody, uuidParam } from '../../kit/web/forms.ts';
import { addressPrefix, type RateLimits } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { ModelFiles } from '../models/whole-files.ts';
import { acceptEvents, acceptOutcome } from './accept.ts';
import { Runner, type RunnerOrder } from './model.ts';
import { endOrder, givenBack, loadOrder, takeOrder } from './orders.ts';
import { findByToken } from './owner.ts';
import {
  Claim,
  type ClaimAnswer,
  Events,
  type EventsAnswer,
  Outcome,
  RUNNER_PATH,
  RUNNER_PROTOCOL,
  RunnerHello,
} from './protocol.ts';
import type { Returns } from './receive.ts';

const MOST_HELLO_BYTES = 2_000_000;
const MOST_EVENTS_BYTES = 8_000_000;
/** So long a runner is kept waiting for work; shorter than the patience of proxies. */
const CLAIM_MS = 20_000;
const LOOK_EVERY_MS = 200;

export interface RunnerDeps {
  readonly returns: Returns;
  readonly limits: RateLimits;
  readonly models: ModelFiles;
  readonly closing: AbortSignal;
  /** Each look of a long wait sees the rows as they are then. */
  readonly fork: () => EntityManager;
}

/** Whoever has the token of a runner: no cookie and no token of an account opens this door. */
function runnerOnly({ limits, fork }: Pick<RunnerDeps, 'limits' | 'fork'>): Middleware<State> {
  return async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    const token = /^bearer +(\S+)$/i.exec(ctx.get('authorization'))?.[1] ?? '';
    try {
      const em = fork();
      const runner = await findByToken(em, token);
      const now = ctx.state.work.now();
      const { id, seenAt } = runner;
      if (isOld(seenAt ?? null, now)) await em.nativeUpdate(Runner, { id }, { seenAt: now });
      runners.set(ctx, runner);
    } catch (error) {
      limits.takeFor(`runner ${addressPrefix(ctx.ip)}`, { name: 'runner', max: 30, perMs: 60_000 });
      throw error;
    }
    await next();
  };
}

type WithParams = Ctx & { params: Record<string, string | undefined> };

const runners = new WeakMap<object, Runner>();

function runnerIn(ctx: object): Runner {
  const runner = runners.get(ctx);
  if (!runner) throw new AppError('unauthenticated', 'This address is for runners.');
  return runner;
}

/** `/api/v1/runner`: where machines with GPUs dial in (protocol.ts). */
export function runnerRoutes(deps: RunnerDeps): Router<State> {
  const { returns, models, fork, closing } = deps;
  const routes = new Router<State>({ prefix: RUNNER_PATH });
  const runner = runnerOnly(deps);
  const orderIn = (ctx: WithParams): Promise<RunnerOrder> =>
    loadOrder(fork(), runnerIn(ctx).id, uuidParam(ctx), ctx.state.work.now());

  routes.post('/hello', runner, async (ctx) => {
    const hello = await readJson(ctx, RunnerHello, MOST_HELLO_BYTES);
    if (hello.protocol !== RUNNER_PROTOCOL) {
      throw new AppError('invalid', `This node speaks protocol ${RUNNER_PROTOCOL} with runners; run the same release.`);
    }
    const { id, name } = runnerIn(ctx);
    const { em, now } = ctx.state.work;
    await em.nativeUpdate(Runner, { id }, { devices: hello.devices, program: hello.program, seenAt: now() });
    await returns.sweep(Date.now());
    ctx.body = { name, protocol: RUNNER_PROTOCOL };
  });

  /** It stops, and is back with its next hello. */
  routes.post('/leave', runner, async (ctx) => {
    await ctx.state.work.em.nativeUpdate(Runner, { id: runnerIn(ctx).id }, { seenAt: null });
    ctx.body = { left: true };
  });

  routes.post('/claim', runner, async (ctx) => {
    const { device } = await readJson(ctx, Claim, 10_000);
    ctx.body = await claim(ctx, device);
  });

  async function claim(ctx: Ctx, device: string): Promise<ClaimAnswer> {
    const { now } = ctx.state.work;
    const { id } = runnerIn(ctx);
    for (const end = performance.now() + CLAIM_MS; ; ) {
      const em = fork();
      const own = await em.findOneOrFail(Runner, id);
      if (own.revokedAt) throw new AppError('unauthenticated', 'The owner of this node has revoked this runner.');
      const isDrained = own.drainedAt != null;
      if (ctx.res.destroyed || ctx.req.socket.destroyed) {
        // it went away while it waited: nothing is to be given to it until it is back
        await em.nativeUpdate(Runner, { id }, { seenAt: null });
        return { order: null, isDrained };
      }
      const order = await takeOrder(em, id, device, now());
      if (order) return { order: pick(order), isDrained };
      if (performance.now() > end || closing.aborted) return { order: null, isDrained };
      if (isOld(own.seenAt ?? null, now())) await em.nativeUpdate(Runner, { id }, { seenAt: now() });
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  routes.post('/orders/:id/events', runner, async (ctx) => {
    const { from, events } = await readJson(ctx, Events, MOST_EVENTS_BYTES);
    const order = await orderIn(ctx);
    await acceptEvents(fork(), order, from, events);
    ctx.body = { wish: order.wish ?? null } satisfies EventsAnswer;
  });

  routes.put('/orders/:id/outcome', runner, async (ctx) => {
    const outcome = await readJson(ctx, Outcome, MOST_EVENTS_BYTES);
    await acceptOutcome(fork(), await orderIn(ctx), outcome);
    ctx.body = { ended: true };
  });

  routes.get('/orders/:id/files/:sha256', runner, async (ctx) => {
    const { files } = await orderIn(ctx);
    const file = files.find(({ sha256 }) => sha256 === ctx.params.sha256);
    if (!file) throw new AppError('not_found', 'This work needs no such file.');
    const source = file.input === null ? await models.sourceOf(fork(), file.sha256) : ctx.state.work.files;
    await sendBytes(ctx, {
      files: source,
      ...{ sha256: file.sha256, totalBytes: file.totalBytes, fileName: file.sha256 },
      ...{ contentType: 'application/octet-stream', disposition: 'attachment', cacheControl: 'no-store' },
    });
  });

  routes.get('/orders/:id/returns/:sha256', runner, async (ctx) => {
    ctx.body = await returns.offsetOf(fork(), (await orderIn(ctx)).id, sha256In(ctx));
  });

  routes.put('/orders/:id/returns/:sha256', runner, async (ctx) => {
    const order = await orderIn(ctx);
    const part = { orderId: order.id, sha256: sha256In(ctx), ...contentRange(ctx) };
    try {
      ctx.body = await returns.take(fork(), part, ctx.req);
    } catch (error) {
      // a runner that returns what it should not does not get another try at this job
      if (error instanceof AppError && error.kind === 'invalid')
        await endOrder(fork(), order.id, givenBack(error.message));
      throw error;
    }
  });

  return routes;
}

/** Less than the time after which a runner counts as gone. */
const SEEN_EVERY_MS = 5_000;
const isOld = (seenAt: Date | null, now: Date): boolean => now.getTime() - (seenAt?.getTime() ?? 0) > SEEN_EVERY_MS;

const pick = ({ id, jobId, type, params, files }: RunnerOrder): ClaimAnswer['order'] => ({
  ...{ id, jobId, type, params: params as Record<string, unknown> },
  files: [...files],
});

function sha256In(ctx: WithParams): string {
  const { sha256 = '' } = ctx.params;
  if (!isSha256(sha256)) throw new AppError('not_found', 'There is nothing at this address.');
  return sha256;
}

/** RFC 9110, 14.4 and 14.5: a part that is put. */
function contentRange(ctx: Ctx): { readonly offset: number; readonly totalBytes: number } {
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(ctx.get('content-range')) ?? [];
  if (first === undefined || Number(last) < Number(first) || Number(last) >= Number(total)) {
    throw new AppError('malformed', 'A part says which bytes it has: Content-Range: bytes 0-9/10.');
  }
  return { offset: Number(first), totalBytes: Number(total) };
}

async function readJson<Schema extends z.ZodType>(
  ctx: Ctx,
  schema: Schema,
  maxBytes: number,
): Promise<z.output<Schema>> {
  const body = await readBody(ctx, maxBytes);
  try {
    return checkForm(JSON.parse(body.toString('utf8')), schema);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('malformed', 'The body is not valid JSON.', { cause });
  }
}
