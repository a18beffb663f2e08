import { createHash, createHmac } from 'node:crypto';

/** Before the first row. */
export const FIRST_HASH = '0'.repeat(64);

/** What the hash of a row covers. */
export interface AuditFacts {
  readonly seq: number;
  readonly at: string;
  readonly action: string;
  readonly subjectKind: string;
  readonly subjectId: string;
  readonly actorRole: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly rule: string;
  readonly seal: string;
  readonly requestId: string;
  readonly previousHash: string;
}

/** SHA-256, hex, of the facts in a fixed order. JSON columns come back with their keys in another order, so those are sorted. */
export function hashOf(facts: AuditFacts): string {
  const list = [
    ...[facts.seq, facts.at, facts.action, facts.subjectKind, facts.subjectId, facts.actorRole],
    ...[sorted(facts.before), sorted(facts.after), facts.rule, facts.seal, facts.requestId, facts.previousHash],
  ];
  return createHash('sha256').update(JSON.stringify(list)).digest('hex');
}

/** HMAC-SHA-256, hex, of who acted and why, under the salt of the row. */
export const sealOf = (salt: string, actorId: number | null, reason: string): string =>
  createHmac('sha256', salt)
    .update(JSON.stringify([actorId, reason]))
    .digest('hex');

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}
