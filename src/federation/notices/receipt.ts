import type { Account } from '../../accounts/model.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { IncomingAct } from '../inbox/act.ts';
import { RemoteActor } from '../model.ts';
import { idOf, valuesOf } from '../origin.ts';
import { jsonOf } from '../vocabulary/read.ts';
import { NoticePeer } from './model.ts';
import { isProven } from './proof.ts';
import { Receipt } from './wire.ts';

/**
 * What an instance says it did about a notice of ours: kept as it came, with whether its proof holds. Null when this
 * answers no notice. A word about a notice that was sent to another host counts nothing.
 */
export async function takeReceipt(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Pick<Federation, 'jobs'>,
  { activity, actorId, actor }: Pick<IncomingAct, 'activity' | 'actorId' | 'actor'>,
): Promise<string | null> {
  const uri = idOf(valuesOf(activity, 'object')[0]);
  if (uri === null || (await em.count(NoticePeer, { activityUri: uri })) === 0) return null;
  const peer = await em.findOne(NoticePeer, { activityUri: uri, host: new URL(actorId).host });
  if (!peer) return 'was not asked';
  if (peer.receipt != null) return 'known';
  const receipt = jsonOf(activity, 'receipt', Receipt);
  if (receipt && receipt.notice !== uri) return 'about something else';
  // a whole instance answers, not somebody on it
  if (actor.kind !== 'Application') return 'not the instance';
  const isRefusal = activity.type === 'Reject' || receipt?.result === 'refused';
  Object.assign(peer, {
    ...{ receipt: receipt ?? { type: activity.type }, receiptBy: actorId, acknowledgedAt: now() },
    ...{ isReceiptProven: receipt !== null && (await proves(em, actor, receipt)) },
    ...{ state: isRefusal ? 'refused' : 'acknowledged', note: receipt?.reason ?? '' },
    nextCheckAt: isRefusal ? null : now(),
  });
  if (!isRefusal) jobs.enqueue(em, federation.jobs.checkNotice, { peerId: peer.id }, { delayMs: LOOK_AFTER_MS });
  await em.flush();
  return 'done';
}

/** Caches on the way may still show it for a moment. */
const LOOK_AFTER_MS = 60_000;

async function proves(em: Work['em'], actor: Account, receipt: Receipt): Promise<boolean> {
  const known = await em.findOne(RemoteActor, { account: actor });
  const key = known?.keys.find(({ keyId }) => keyId === receipt.proof?.verificationMethod);
  return key !== undefined && receipt.by === actor.uri && isProven(receipt, key.publicKey);
}
