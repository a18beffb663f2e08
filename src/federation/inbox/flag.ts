import { Account } from '../../accounts/model.ts';
import { newId } from '../../kit/ids.ts';
import { registrableDomain } from '../../kit/net/domain.ts';
import { readOwnUri } from '../addresses.ts';
import { openReport } from '../flags/queue.ts';
import { findTarget } from '../ingest/target.ts';
import { PeerReport } from '../model.ts';
import { idOf, valuesOf } from '../origin.ts';
import { loadEffects } from '../peers/rule.ts';
import { plainTextOf, textOf } from '../vocabulary/read.ts';
import type { Handler } from './act.ts';

/** Reports of one host that may wait at once; what comes after is dropped, and the door limits how fast it comes. */
const MOST_OPEN_FROM_HOST = 200;
/** Of all hosts of one domain: who reports more has a person here read less. */
export const MOST_FLAGS_AN_HOUR = 30;
const HOUR_MS = 3_600_000;
const MOST_OBJECTS = 50;
const LONGEST_REASON = 5_000;

/**
 * A report from elsewhere is a word for our moderators and nothing more: nothing is hidden or removed by it (A05). About
 * things that are not ours, or about nothing, it is dropped (A06). Markup in it is shown as text.
 */
export const flag: Handler = async ({ em, now }, { origin }, { id, activity, actorId }) => {
  const { host, hostname } = new URL(actorId);
  if ((await loadEffects(em, host)).rejectsReports) return 'reports of that host are not taken';
  const objectUris: string[] = [];
  for (const value of valuesOf(activity, 'object').slice(0, MOST_OBJECTS)) {
    const uri = idOf(value);
    if (uri !== null && !objectUris.includes(uri) && (await isOurs(uri))) objectUris.push(uri);
  }
  if (objectUris.length === 0) return 'about nothing here';
  if ((await em.count(PeerReport, { uri: id })) > 0) return 'known';
  if ((await em.count(PeerReport, { host, closedAt: null })) >= MOST_OPEN_FROM_HOST) return 'too many from that host';
  const domain = registrableDomain(hostname);
  const lately = { domain, createdAt: { $gt: new Date(now().getTime() - HOUR_MS) } };
  if ((await em.count(PeerReport, lately)) >= MOST_FLAGS_AN_HOUR) return 'too many from that domain';
  const facts = {
    ...{ id: newId(), uri: id, reporterUri: actorId, host, domain, objectUris },
    reason: plainTextOf(activity, 'content', LONGEST_REASON),
    code: textOf(activity, 'reportCode', 40) ?? '',
    createdAt: now(),
  };
  em.create(PeerReport, facts, { persist: true });
  await openReport(em, origin, facts, now());
  await em.flush();
  return 'done';

  async function isOurs(uri: string): Promise<boolean> {
    const named = readOwnUri(origin, uri);
    if (named?.kind === 'account') return (await em.count(Account, { host: '', name: named.name })) > 0;
    return named !== null && (await findTarget(em, origin, uri)) !== null;
  }
};
