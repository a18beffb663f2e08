import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { registrableDomain } from '../../kit/net/domain.ts';
import { readBody } from '../../kit/web/forms.ts';
import type { Ctx } from '../../kit/web/state.ts';
import { actorKeys, isActorGone } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { admitActivity, MOST_BODY_BYTES } from '../gate.ts';
import { noteSign } from '../peers/health.ts';
import { isActorBlocked } from '../policy.ts';
import { MOST_FLAGS_AN_HOUR } from './flag.ts';
import { refuseHopeless } from './hopeless.ts';

/**
 * Activities that the hosts of one domain may send in a while; a busy server of ten thousand people stays below it, and
 * a wildcard zone of a thousand names has no more (CVE-2022-46405).
 */
const FROM_DOMAIN = { name: 'inbox-domain', max: 1_200, perMs: 60_000 };
const FLAGS = { name: 'inbox-flags', max: MOST_FLAGS_AN_HOUR, perMs: 3_600_000 };
const BODY_WITHIN_MS = 10_000;

/** The door of `/inbox` and of each personal inbox: 202, or why not, within the request (DESIGN.md ruling 4). */
export async function receive(ctx: Ctx, federation: Federation, recipientName: string | null): Promise<void> {
  const { work } = ctx.state;
  const { em, now } = work;
  if (!ctx.is('application/activity+json', 'application/ld+json')) {
    answer(ctx, 415, 'Send application/activity+json.');
    return;
  }
  const body = await readPromptly(ctx);
  const message = {
    method: ctx.method,
    target: ctx.req.url ?? ctx.originalUrl,
    rawHeaders: ctx.req.rawHeaders,
    body,
    contentType: ctx.req.headers['content-type'],
    contentEncoding: ctx.req.headers['content-encoding'],
  };
  const here = { origin: federation.origin, now: now() };
  if (recipientName !== null && (await em.count(Account, { host: '', name: recipientName, state: 'active' })) === 0) {
    throw new AppError('not_found', 'There is no such inbox.');
  }
  const proven = await admitActivity(message, here, {
    loadActorKey: actorKeys(work, federation, ctx.ip),
    isBlocked: (actorId) => isActorBlocked(federation, em, actorId),
    isGone: (actorId) => isActorGone(work, federation, actorId),
  });
  if (proven) {
    const domain = registrableDomain(new URL(proven.actorId).hostname);
    federation.limits.takeFor(`${FROM_DOMAIN.name} ${domain}`, FROM_DOMAIN);
    if (proven.type === 'Flag') federation.limits.takeFor(`${FLAGS.name} ${domain}`, FLAGS);
    federation.keyBudget.remember(proven.actorId, ctx.ip);
    await refuseHopeless(work, federation, proven);
    await federation.intake.keep(proven);
    await noteSign(work, federation, new URL(proven.actorId).host);
  }
  answer(ctx, 202, null);
}

/** A sender that lies about its length, drips, or never ends, loses the connection. */
async function readPromptly(ctx: Ctx): Promise<Buffer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_done, fail) => {
    timer = setTimeout(() => fail(new AppError('malformed', 'The body took too long.')), BODY_WITHIN_MS);
  });
  try {
    return await Promise.race([readBody(ctx, MOST_BODY_BYTES), late]);
  } catch (cause) {
    ctx.set('Connection', 'close');
    if (cause instanceof AppError) throw cause;
    throw new AppError('malformed', 'The body broke off.', { cause });
  } finally {
    clearTimeout(timer);
  }
}

function answer(ctx: Ctx, status: number, error: string | null): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = error === null ? '' : { error };
  if (error === null) ctx.status = status;
}
