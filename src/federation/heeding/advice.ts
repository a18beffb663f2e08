import { PERMISSION } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { newId } from '../../kit/ids.ts';
import { openRow } from '../../moderation/queue/open.ts';
import type { Federation } from '../deps.ts';
import type { InboxWork, IncomingAct } from '../inbox/act.ts';
import { findTarget } from '../ingest/target.ts';
import { ReceivedNotice } from '../notices/model.ts';
import { SEVERE, type TakedownTerm } from '../notices/wire.ts';
import { DomainPolicy } from '../peers/model.ts';
import { blockDigests } from './digests.ts';
import { sendReceipt } from './receipt.ts';

/** Waiting at once for one host; what comes after is refused without a row. */
const MOST_OPEN = 50;

/**
 * A notice about what belongs to another host, or to this one: refused, and put before our own people as advice
 * (spec/takedowns.md 2.9). Nothing follows by itself, but for files in severe cases of hosts whose hashes the owner trusts.
 */
export async function takeAdvice(
  work: InboxWork,
  federation: Federation,
  { id: uri, actorId, raw }: IncomingAct,
  objectUri: string,
  notice: TakedownTerm,
): Promise<string> {
  const { em, now } = work;
  const { host } = new URL(actorId);
  if ((await em.count(ReceivedNotice, { uri })) > 0) return 'known';
  const recent = { host, result: 'refused' as const, receivedAt: { $gt: new Date(now().getTime() - 86_400_000) } };
  if ((await em.count(ReceivedNotice, recent)) >= MOST_OPEN) return 'too much advice from that host';
  const target = await findTarget(em, federation.origin, objectUri);
  const isTrusted = SEVERE.has(notice.code) && (await em.count(DomainPolicy, { host, trustsDigests: true })) > 0;
  const row = await audited({ ...work, viewer: null }, async (inner) => {
    const id = newId(now().getTime());
    const by = { noticeUri: uri, category: notice.code, host, id, owned: null, now: now() };
    const { blocked } = isTrusted ? await blockDigests(inner, notice.hashes, by) : { blocked: [] };
    const facts = { id, uri, actorUri: actorId, host, objectUri, category: notice.code, document: raw, restricted: [] };
    const result = inner.create(
      ReceivedNotice,
      { ...facts, result: 'refused', reason: 'not_owner', receivedAt: now(), undoneAt: null },
      { persist: true },
    );
    await openRow(
      inner,
      {
        ...{
          kind: 'peer',
          subjectId: `advice:${id}`,
          title: `${host} asks to take down what is not its own (${notice.code})`,
        },
        about: target ? { kind: target.kind, id: target.id } : { kind: 'notice', id },
        priority: SEVERE.has(notice.code) ? 0 : 2,
        permission: SEVERE.has(notice.code) ? PERMISSION.decideSevere : PERMISSION.moderateContent,
      },
      now(),
    );
    const after = { category: notice.code, blocked: blocked.length };
    const entry = { action: 'notice.refuse', subject: { kind: 'notice', id }, after, role: 'peer' };
    return { result, entries: [entry] };
  });
  await sendReceipt(work, federation, row, { purged: 0, derived: 0 });
  return 'of another host: put before our people';
}
