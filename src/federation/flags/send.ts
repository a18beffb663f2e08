import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { findTarget } from '../ingest/target.ts';
import { NODE_ACTOR } from '../model.ts';
import { isSameOrigin } from '../origin.ts';
import { send } from '../outbox/send.ts';
import { buildFlag } from '../vocabulary/activity.ts';
import { SentFlag } from './model.ts';

const CODES = ['', 'minor', 'ncii', 'copyright', 'impersonation', 'malware', 'spam'] as const;

export const FlagForm = z.object({
  uri: z.url('Write the address of a thing or a person.').max(2_048, 'That address is too long.'),
  comment: z.string().trim().max(2_000, 'At most 2000 characters.').default(''),
  code: z.enum(CODES, 'Choose a kind.').default(''),
});

/** What staff of one node may report to others in an hour. */
const FLAGS = { name: 'send-flag', max: 60, perMs: 3_600_000 };
const MOST_TARGETS = 20;

/**
 * Reports things of one other server to it, from the node's actor: nothing in it tells who of us saw them. Targets are
 * ids of objects or accounts that are known here. Throws `forbidden`, `invalid`, `rate_limited`, `unavailable` where the
 * host is not spoken with.
 */
export async function sendFlag(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  federation: Federation,
  { targets, comment = '', code = '' }: { targets: readonly string[]; comment?: string; code?: string },
): Promise<SentFlag> {
  const { em, viewer, now } = work;
  if (viewer && !can(viewer, 'moderateContent')) throw new AppError('forbidden', 'Moderators report to other servers.');
  const [first] = targets;
  const isOne = targets.every((uri) => isSameOrigin(uri, first, federation.origin));
  if (first === undefined || !isOne || targets.length > MOST_TARGETS) {
    throw new AppError('invalid', 'A report is about things of one server.');
  }
  const owner = await ownerOf(em, federation.origin, first);
  if (!owner?.uri || owner.host === '') {
    const message = 'Nothing of another server is known here under this address.';
    throw new AppError('invalid', message, { fields: { uri: message } });
  }
  federation.limits.takeFor(FLAGS.name, FLAGS);
  const actorUri = nodeActorUri(federation.origin);
  const id = newId(now().getTime());
  const uri = `${actorUri}#flag-${id}`;
  const ownerUri = owner.uri;
  const objectUris = [ownerUri, ...targets.filter((one) => one !== ownerUri)];
  const flag = await audited(work, async (inner) => {
    const facts = { id, uri, host: owner.host, objectUris, code, comment, sentAt: now() };
    const row = inner.create(SentFlag, { ...facts, outcome: null, answeredAt: null }, { persist: true });
    const after = { host: owner.host, objectCount: objectUris.length, code };
    return { result: row, entries: [{ action: 'flag.send', subject: { kind: 'flag', id }, after }] };
  });
  const document = buildFlag({ uri, actorUri }, { objectUris, content: comment, code }, ownerUri);
  if (!(await send(work, federation, NODE_ACTOR, document, { accountIds: [owner.id] }))) {
    await em.fork().nativeDelete(SentFlag, { id });
    throw new AppError('unavailable', 'This node does not speak with that server.');
  }
  return flag;
}

async function ownerOf(em: Work['em'], origin: string, uri: string): Promise<Account | null> {
  const account = await em.findOne(Account, { uri });
  if (account) return account;
  const target = await findTarget(em, origin, uri);
  return target && em.findOne(Account, target.ownerId);
}

export interface SentFlagRow {
  readonly host: string;
  readonly objectUris: readonly string[];
  readonly code: string;
  readonly comment: string;
  readonly sentAt: string;
  readonly outcome: string;
  readonly answeredAt: string | null;
}

const SHOWN = 100;

/** The newest first. */
export async function listSentFlags({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<SentFlagRow[]> {
  if (!can(viewer, 'moderateContent')) throw new AppError('forbidden', 'Reports are for moderators.');
  const found = await em.find(SentFlag, {}, { orderBy: { id: 'desc' }, limit: SHOWN });
  return found.map(({ host, objectUris, code, comment, sentAt, outcome, answeredAt }) => ({
    ...{ host, objectUris, code, comment, sentAt: sentAt.toISOString(), outcome: outcome ?? '' },
    answeredAt: answeredAt?.toISOString() ?? null,
  }));
}
