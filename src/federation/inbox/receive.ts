import { createHash } from 'node:crypto';
import { Account } from '../../accounts/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { readBody } from '../../kit/web/forms.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { actorKeys } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { admitActivity, MOST_BODY_BYTES, type ProvenActivity } from '../gate.ts';
import { noteSign } from '../peers/health.ts';
import { isActorBlocked } from '../policy.ts';

/** Activities that one host may send in a while; a busy server of ten thousand people stays below it. */
const FROM_HOST = { name: 'inbox-host', max: 1_200, perMs: 60_000 };
/** Where work piles up, senders are asked to come back later. */
const MOST_WAITING = 20_000;

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
    await keep(work, federation, proven);
    await noteSign(work, federation, new URL(proven.actorId).host);
  }
  answer(ctx, 202, null);
}

/** The row and its job in one transaction; the same id again is accepted and does nothing. */
async function keep(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  { id, type, actorId, raw }: ProvenActivity,
): Promise<void> {
  const [waiting] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from job where lane = 'inbox' and state = 'queued'`,
  );
  if (Number(waiting?.n) > MOST_WAITING) {
    throw new AppError('unavailable', 'Too much is waiting here.', { retryAfterSeconds: 300 });
  }
  await em.transactional(async (inner) => {
    const [fresh] = await rows<{ id: string }>(
      inner,
      `insert into inbox_item (id, uri, type, actor_uri, document, received_at, outcome) values (?, ?, ?, ?, ?, ?, '')
       on conflict (uri) do nothing returning id`,
      [newId(), id, type.slice(0, 60), actorId, JSON.stringify(raw), now()],
    );
    if (!fresh) return;
    // one actor's words take effect in their order
    const partition = createHash('sha256').update(actorId).digest('hex').slice(0, 40);
    jobs.enqueue(inner, federation.jobs.process, { itemId: fresh.id }, { partition });
    await inner.flush();
  });
}

function answer(ctx: Ctx, status: number, error: string | null): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = error === null ? '' : { error };
  if (error === null) ctx.status = status;
}
