import type { EntityManager } from '@mikro-orm/core';
import { fromJson, rows, toDate } from '../database/sql.ts';
import { FIRST_HASH, hashOf, sealOf } from './chain.ts';
import { AuditRoot } from './model.ts';

export interface AuditReport {
  readonly isWhole: boolean;
  readonly entryCount: number;
  /** Rows whose actor and reason were erased; they count as whole. */
  readonly erasedCount: number;
  /** At most 20, in words. */
  readonly faults: readonly string[];
}

interface EntryRow {
  seq: number;
  at: unknown;
  action: string;
  subject_kind: string;
  subject_id: string;
  actor_id: number | null;
  actor_role: string;
  before: unknown;
  after: unknown;
  rule: string;
  reason: string | null;
  salt: string | null;
  seal: string;
  request_id: string;
  previous_hash: string;
  hash: string;
}

const BATCH = 1_000;
const MOST_FAULTS = 20;

/** Walks the whole chain: finds rows that were changed, taken out, put in or cut off, and days whose root differs. */
export async function verifyAudit(em: EntityManager): Promise<AuditReport> {
  const faults: string[] = [];
  const fault = (text: string) => faults.length < MOST_FAULTS && faults.push(text);
  let [seq, previous, erased] = [0, FIRST_HASH, 0];
  const roots = new Map((await em.find(AuditRoot, {})).map((root) => [root.seq, root]));
  for (;;) {
    const batch = await rows<EntryRow>(em, `select * from audit_entry where seq > ? order by seq limit ${BATCH}`, [
      seq,
    ]);
    for (const row of batch) {
      if (row.seq !== seq + 1) fault(`row ${seq + 1} is missing: row ${row.seq} follows row ${seq}`);
      else if (row.previous_hash !== previous) fault(`row ${row.seq} does not continue row ${seq}`);
      if (row.hash !== hashOf(factsOf(row))) fault(`row ${row.seq} was changed`);
      if (row.salt === null) erased += 1;
      else if (row.seal !== sealOf(row.salt, row.actor_id, row.reason ?? '')) {
        fault(`row ${row.seq}: who acted, or why, was changed`);
      }
      const root = roots.get(row.seq);
      if (root && root.hash !== row.hash) fault(`the root of ${root.day} is another: the chain was written anew`);
      roots.delete(row.seq);
      [seq, previous] = [row.seq, row.hash];
    }
    if (batch.length < BATCH) break;
  }
  const [head] = await rows<{ seq: number; hash: string }>(em, 'select seq, hash from audit_head where id = 1');
  if ((head?.seq ?? 0) !== seq || (head && head.hash !== previous)) {
    fault(`the chain should end at row ${head?.seq ?? 0} and ends at row ${seq}`);
  }
  for (const root of roots.values())
    if (root.seq > 0) fault(`the root of ${root.day} names row ${root.seq}, which is not there`);
  return { isWhole: faults.length === 0, entryCount: seq, erasedCount: erased, faults };
}

const factsOf = (row: EntryRow) => ({
  seq: row.seq,
  at: toDate(row.at).toISOString(),
  action: row.action,
  subjectKind: row.subject_kind,
  subjectId: row.subject_id,
  actorRole: row.actor_role,
  before: fromJson(row.before),
  after: fromJson(row.after),
  rule: row.rule,
  seal: row.seal,
  requestId: row.request_id,
  previousHash: row.previous_hash,
});

/** Forgets who acted and why in rows before a time; the chain stays whole. Returns how many. */
export async function eraseAudit(em: EntityManager, before: Date): Promise<number> {
  const gone = await rows(
    em,
    'update audit_entry set actor_id = null, reason = null, salt = null where at < ? and salt is not null returning seq',
    [before],
  );
  return gone.length;
}

/** Keeps where the chain ended at the end of yesterday (UTC). Harmless when it is there already. */
export async function keepAuditRoot(em: EntityManager, now: Date): Promise<AuditRoot | null> {
  const today = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  const day = new Date(today.getTime() - 1).toISOString().slice(0, 10);
  const [last] = await rows<{ seq: number; hash: string }>(
    em,
    'select seq, hash from audit_entry where at < ? order by seq desc limit 1',
    [today],
  );
  if (!last) return null;
  await rows(
    em,
    'insert into audit_root (day, seq, hash) values (?, ?, ?) on conflict (day) do nothing returning day',
    [day, last.seq, last.hash],
  );
  return em.findOne(AuditRoot, day);
}
