import { rows } from '../../kit/database/sql.ts';
import type { JobHandle } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { Delivery, type PeerHost } from '../model.ts';
import { markDelivered } from '../notices/delivered.ts';
import { GIVE_UP_AFTER_MS, giveUpIfDue, loadPeer, noteAnswer, noteFailure, waitAfter } from '../peers/health.ts';
import { isHostAllowed } from '../policy.ts';
import { forgetInbox } from './forget-inbox.ts';
import { isPlanned, planDelivery } from './plan.ts';
import { type Knocked, Postman } from './postman.ts';

/** What one run takes on; a host with more has another run, behind the others. */
const BATCH = 64;
/** Inboxes of one host that are served at once. */
const AT_ONCE = 4;
/** An inbox that is not there may be a proxy with a bad day; some hours later it is not. */
const NOT_FOUND_ATTEMPTS = 6;
const MOST_ATTEMPTS = 16;
const PATIENCE_MS = 1_000;

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

/**
 * Delivers what waits for one host. Each inbox hears things in their order. A row is removed after it arrived, so a run
 * that dies sends a few again, which the id of the activity makes nothing. While a host fails, a run is one knock.
 */
export async function deliverTo(
  work: Task,
  federation: Federation,
  host: string,
  handle: Pick<JobHandle, 'signal' | 'stepAside'>,
  chance: () => number = Math.random,
): Promise<string> {
  const { em, now } = work;
  const { signal } = handle;
  if (!(await isHostAllowed(federation, em, host))) {
    await em.nativeDelete(Delivery, { host });
    return 'not wanted any more';
  }
  const peer = await loadPeer(em, host);
  await dropOld(em, host, new Date(now().getTime() - GIVE_UP_AFTER_MS));
  if (peer.givenUpAt || (peer.nextAttemptAt && peer.nextAttemptAt > now())) return planNext(work, federation, peer);
  const limit = peer.failingSince ? 1 : BATCH;
  const due = await em.find(Delivery, { host, dueAt: { $lte: now() } }, { orderBy: { id: 'asc' }, limit });
  if (due.length === 0) {
    await giveUpIfDue(em, peer, now());
    return planNext(work, federation, peer);
  }

  const postman = new Postman(work, federation, peer.scheme, signal);
  // of a host that never took anything one inbox is asked first: the dead cost one knock, not four
  const firstAlone = peer.lastOkAt == null;
  // a host that lets us wait costs the others nothing: they go on in its place
  const slow = setTimeout(() => handle.stepAside(), PATIENCE_MS);
  const outcomes = await sendAll(postman, due, firstAlone).finally(() => clearTimeout(slow));
  signal.throwIfAborted();
  // one commit for all that came of it: a thousand hosts are a thousand commits
  await em.begin();
  try {
    await settle(work, peer, outcomes, chance);
    const said = await planNext(work, federation, peer);
    await em.commit();
    return said;
  } catch (error) {
    await em.rollback();
    throw error;
  }
}

/** What waited for a week; a look first, for nearly always there is none and a delete is a commit all the same. */
async function dropOld(em: Task['em'], host: string, before: Date): Promise<void> {
  const [old] = await rows(em, 'select 1 from delivery where host = ? and created_at < ? limit 1', [host, before]);
  if (old) await em.nativeDelete(Delivery, { host, createdAt: { $lt: before } });
}

interface Outcome {
  readonly delivery: Delivery;
  readonly knocked: Knocked;
}

/** Several inboxes at once, each in order, until one says that the host is down or asks for patience. */
async function sendAll(postman: Postman, due: readonly Delivery[], firstAlone: boolean): Promise<Outcome[]> {
  const inboxes = new Map<string, Delivery[]>();
  for (const delivery of due) {
    const before = inboxes.get(delivery.inboxUri);
    if (before) before.push(delivery);
    else inboxes.set(delivery.inboxUri, [delivery]);
  }
  const outcomes: Outcome[] = [];
  const lines = [...inboxes.values()];
  let isStopped = false;
  const walkLine = async (line: readonly Delivery[]) => {
    for (const delivery of line) {
      if (isStopped) return;
      const knocked = await postman.deliver(delivery);
      outcomes.push({ delivery, knocked });
      if (knocked.kind === 'down' || knocked.kind === 'busy') isStopped = true;
      if (knocked.kind !== 'taken' && knocked.kind !== 'refused') return;
    }
  };
  const walk = async () => {
    for (let line = lines.shift(); line && !isStopped; line = lines.shift()) await walkLine(line);
  };
  const [first] = firstAlone ? lines.splice(0, 1) : [];
  if (first) await walkLine(first);
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, lines.length) }, walk));
  return outcomes;
}

async function settle(
  { em, now }: Task,
  peer: PeerHost,
  outcomes: readonly Outcome[],
  chance: () => number,
): Promise<void> {
  const at = now();
  const over: string[] = [];
  let down: { error: string; leastMs: number } | null = null;
  let busyMs = 0;
  let answer: { scheme: PeerHost['scheme']; ms: number; isOk: boolean } | null = null;
  for (const { delivery, knocked } of outcomes) {
    if (knocked.kind === 'down') down = knocked;
    else if (knocked.kind === 'busy') busyMs = Math.max(busyMs, knocked.leastMs);
    else if (knocked.kind === 'later') {
      delivery.failureCount += 1;
      const most = knocked.isMissing ? NOT_FOUND_ATTEMPTS : MOST_ATTEMPTS;
      if (delivery.failureCount >= most) over.push(delivery.id);
      else delivery.dueAt = new Date(at.getTime() + waitAfter(delivery.failureCount, chance()));
      if (knocked.isMissing) answer ??= { scheme: peer.scheme, ms: knocked.ms, isOk: false };
      else down ??= { error: knocked.error, leastMs: 0 };
    } else {
      over.push(delivery.id);
      if (knocked.kind === 'gone') await forgetInbox(em, delivery.inboxUri);
      const isOk = knocked.kind === 'taken';
      if (isOk || !answer) answer = { scheme: isOk ? knocked.scheme : peer.scheme, ms: knocked.ms, isOk };
    }
  }
  const taken = outcomes.flatMap(({ delivery, knocked }) => (knocked.kind === 'taken' ? [delivery.itemId] : []));
  await markDelivered(em, peer.host, taken, at);
  if (over.length > 0) await em.nativeDelete(Delivery, { id: { $in: over } });
  // an error for one inbox is that inbox's as long as another is served
  if (answer) noteAnswer(peer, at, answer);
  const isDown = down !== null && (answer === null || outcomes.some(({ knocked }) => knocked.kind === 'down'));
  if (busyMs > 0) peer.nextAttemptAt = new Date(at.getTime() + busyMs);
  if (down && isDown) await noteFailure(em, peer, at, { ...down, chance: chance() });
  else await em.flush();
}

/** When there is more: at once, or when it is due and the host may be asked again. */
async function planNext({ em, jobs, now }: Task, federation: Federation, peer: PeerHost): Promise<string> {
  const { host } = peer;
  if (peer.givenUpAt) {
    await em.nativeDelete(Delivery, { host });
    return 'given up';
  }
  const [first] = await em.find(Delivery, { host }, { orderBy: { dueAt: 'asc' }, limit: 1, fields: ['dueAt'] });
  if (!first) return 'all delivered';
  const atMs = Math.max(first.dueAt.getTime(), peer.nextAttemptAt?.getTime() ?? 0);
  if (!(await isPlanned(em, host))) {
    planDelivery(em, jobs, federation, peer, atMs - now().getTime());
    await em.flush();
  }
  return peer.failingSince ? `failing: ${peer.lastError}` : 'more waits';
}
