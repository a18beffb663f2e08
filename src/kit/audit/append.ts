import { randomBytes } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../database/sql.ts';
import type { Viewer, Work } from '../work.ts';
import { FIRST_HASH, hashOf, sealOf } from './chain.ts';

export interface AuditWrite {
  /** `thing.act`, for example `case.decide`. */
  readonly action: string;
  readonly subject: { readonly kind: string; readonly id: string | number };
  /** Facts without personal data: these stay when an actor is erased. */
  readonly before?: object;
  readonly after?: object;
  readonly rule?: string;
  /** In the words of who acted. Goes when the row is erased. */
  readonly reason?: string;
  readonly requestId?: string;
  /** In place of the viewer's: `timer`, `worker`, `claimant`, `peer`. */
  readonly role?: string;
}

export interface Acted<T> {
  readonly result: T;
  readonly entries: readonly AuditWrite[];
}

/**
 * Runs an act and writes its rows into the audit chain, in one transaction: neither is without the other. The head of
 * the chain is taken last, so that acts stand in line for it no longer than they must.
 */
export async function audited<T>(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  act: (em: EntityManager) => Promise<Acted<T>>,
): Promise<T> {
  return em.transactional(async (inner) => {
    const { result, entries } = await act(inner);
    await inner.flush();
    for (const entry of entries) await append(inner, viewer, entry, now());
    return result;
  });
}

async function append(em: EntityManager, viewer: Viewer | null, entry: AuditWrite, at: Date): Promise<void> {
  const [head] = await rows<{ seq: number; hash: string }>(
    em,
    `insert into audit_head (id, seq, hash) values (1, 1, '${FIRST_HASH}')
     on conflict (id) do update set seq = audit_head.seq + 1 returning seq, hash`,
  );
  if (!head) throw new TypeError('the chain of the audit log has no end');
  const salt = randomBytes(16).toString('hex');
  const actorId = viewer?.id ?? null;
  const reason = entry.reason ?? '';
  const facts = {
    seq: Number(head.seq),
    at: at.toISOString(),
    action: entry.action,
    subjectKind: entry.subject.kind,
    subjectId: String(entry.subject.id),
    actorRole: entry.role ?? (viewer ? 'staff' : 'node'),
    before: entry.before ?? null,
    after: entry.after ?? null,
    rule: entry.rule ?? '',
    seal: sealOf(salt, actorId, reason),
    requestId: entry.requestId ?? '',
    previousHash: head.hash,
  };
  const hash = hashOf(facts);
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
  await rows(
    em,
    `insert into audit_entry (seq, at, action, subject_kind, subject_id, actor_id, actor_role, before, after, rule, reason,
       salt, seal, request_id, previous_hash, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning seq`,
    [
      ...[facts.seq, at, facts.action, facts.subjectKind, facts.subjectId, actorId, facts.actorRole],
      ...[json(facts.before), json(facts.after), facts.rule, reason, salt, facts.seal, facts.requestId],
      ...[facts.previousHash, hash],
    ],
  );
  await rows(em, 'update audit_head set hash = ? where id = 1 returning id', [hash]);
}
