import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { readBody } from '../../kit/web/forms.ts';
import type { Ctx } from '../../kit/web/state.ts';
import { actorKeys } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { admitActivity, MOST_BODY_BYTES } from '../gate.ts';
import { isActorBlocked } from '../policy.ts';

/** Activities that one host may send in a while; a busy server of ten thousand people stays below it. */
const FROM_HOST = { name: 'inbox-host', max: 1_200, perMs: 60_000 };

/** The door of `/inbox` and of each personal inbox: 202, or why not, within the request (DESIGN.md ruling 4). */
export async function receive(ctx: Ctx, federation: Federation, recipientName: string | null): Promise<void> {
  const { work } = ctx.state;
  const { em, now } = work;
  if (!ctx.is('application/activity+json', 'application/ld+json')) {
    answer(ctx, 415, 'Send application/activity+json.');
    return;
  }
  const body = await readBody(ctx, MOST_BODY_BYTES);
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
    loadActorKey: actorKeys(work, federation),
    isBlocked: (actorId) => isActorBlocked(federation, em, actorId),
  });
  if (proven) {
    federation.limits.takeFor(`${FROM_HOST.name} ${new URL(proven.actorId).host}`, FROM_HOST);
    await federation.intake.keep(proven);
  }
  answer(ctx, 202, null);
}

function answer(ctx: Ctx, status: number, error: string | null): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = error === null ? '' : { error };
  if (error === null) ctx.status = status;
}
