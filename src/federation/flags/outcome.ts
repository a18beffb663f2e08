import { Account } from '../../accounts/model.ts';
import type { Work } from '../../kit/work.ts';
import { nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import type { IncomingAct } from '../inbox/act.ts';
import { NODE_ACTOR, PeerReport } from '../model.ts';
import { idOf, valuesOf } from '../origin.ts';
import { send } from '../outbox/send.ts';
import { buildOutcome } from '../vocabulary/activity.ts';
import { plainTextOf, textOf } from '../vocabulary/read.ts';
import { SentFlag } from './model.ts';

/** Says to the server that reported what came of it: `Accept` or `Reject` of its Flag, from the node's actor. */
export async function tellOutcome(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  reportId: string,
): Promise<void> {
  const { em } = work;
  const report = await em.findOne(PeerReport, reportId, { refresh: true });
  const reporter = report && (await em.findOne(Account, { uri: report.reporterUri }));
  if (!report?.closedAt || !reporter) return;
  const actorUri = nodeActorUri(federation.origin);
  const act = { uri: `${actorUri}#outcome-${report.id}-${report.closedAt.getTime()}`, actorUri };
  const document = buildOutcome(act, report.uri, report.outcome || 'noAction', report.reporterUri);
  await send(work, federation, NODE_ACTOR, document, { accountIds: [reporter.id] });
}

const OUTCOMES = ['removed', 'labelled', 'noAction'] as const;

/** The answer to a Flag of ours, by the host that it went to; null when this answers no Flag (A06: of a third host nothing). */
export async function takeOutcome(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { activity, actorId }: Pick<IncomingAct, 'activity' | 'actorId'>,
): Promise<string | null> {
  const uri = idOf(valuesOf(activity, 'object')[0]);
  const flag = uri === null ? null : await em.findOne(SentFlag, { uri });
  if (!flag) return null;
  if (new URL(actorId).host !== flag.host) return 'was not asked';
  const said = textOf(activity, 'outcome', 40);
  const fallback = activity.type === 'Accept' ? 'accepted' : 'rejected';
  flag.outcome = OUTCOMES.find((one) => one === said) ?? fallback;
  flag.answer = plainTextOf(activity, 'content', 500);
  flag.answeredAt = now();
  await em.flush();
  return 'done';
}
