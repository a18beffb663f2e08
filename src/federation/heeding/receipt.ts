import type { Work } from '../../kit/work.ts';
import { nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { NODE_ACTOR } from '../model.ts';
import type { ReceivedNotice } from '../notices/model.ts';
import { proveReceipt } from '../notices/proof.ts';
import { findInbox } from '../notices/tell-host.ts';
import type { Receipt } from '../notices/wire.ts';
import { sendToInbox } from '../outbox/send.ts';
import { buildReceipt } from '../vocabulary/activity.ts';

/** Says to the host of a notice what was done about it, from this node's actor, under a proof of its own. */
export async function sendReceipt(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  row: ReceivedNotice,
  { purged, derived }: { readonly purged: number; readonly derived: number },
): Promise<void> {
  const { em, now } = work;
  const inbox = await findInbox(em, row.host);
  if (inbox === null) return;
  const actorUri = nodeActorUri(federation.origin);
  const said: Receipt = {
    type: 'tessera:TakedownReceipt',
    ...{ notice: row.uri, by: actorUri, result: row.result, reason: row.reason, purged, derived },
    at: row.receivedAt.toISOString(),
  };
  const receipt = await proveReceipt(federation, em.fork(), said, now());
  const act = { uri: `${actorUri}#receipt-${row.id}`, actorUri };
  await sendToInbox(work, federation, NODE_ACTOR, buildReceipt(act, row.uri, receipt, row.actorUri), inbox);
}
