import type { EntityManager } from '@mikro-orm/core';
import { Account, handle } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { AuditEntry, AuditRoot } from '../../kit/audit/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';

export interface AuditFilter {
  /** The beginning of an action: `report`, or `report.file`. */
  readonly action: string;
  /** `image:12`, or a kind alone. */
  readonly subject: string;
  /** A name of this node. */
  readonly actor: string;
  readonly before: number | null;
}

export interface AuditRow {
  readonly seq: number;
  readonly at: string;
  readonly action: string;
  readonly subject: string;
  /** `@name`, or the role where nobody is named. */
  readonly actor: string;
  readonly rule: string;
  readonly reason: string;
  readonly before: string;
  readonly after: string;
  readonly hash: string;
}

const PAGE = 50;
const MOST_SHOWN = 1_000;

/** What staff and the node did, the newest first. Throws `forbidden`. */
export async function listAudit(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { action, subject, actor, before }: AuditFilter,
): Promise<{ rows: AuditRow[]; nextBefore: number | null }> {
  if (!can(viewer, 'readAudit')) throw new AppError('forbidden', 'The audit log is for those who may read it.');
  const [kind = '', id = ''] = subject.split(':');
  const who = actor ? await em.findOne(Account, { host: '', name: actor.toLowerCase().replace(/^@/, '') }) : null;
  const found = await em.find(
    AuditEntry,
    {
      // `%` and `_` are wildcards of LIKE
      ...(action ? { action: { $like: `${action.replace(/[%_\\]/g, '')}%` } } : {}),
      ...(kind ? { subjectKind: kind } : {}),
      ...(id ? { subjectId: id } : {}),
      ...(actor ? { actorId: who?.id ?? 0 } : {}),
      ...(before ? { seq: { $lt: before } } : {}),
    },
    { orderBy: { seq: 'desc' }, limit: PAGE + 1 },
  );
  const shown = found.slice(0, PAGE);
  const accounts = await em.find(Account, { id: { $in: shown.flatMap(({ actorId }) => actorId ?? []) } });
  const names = new Map(accounts.map((account) => [account.id, handle(account)]));
  return {
    rows: shown.map((entry) => rowOf(entry, names.get(entry.actorId ?? 0) ?? entry.actorRole)),
    nextBefore: found.length > PAGE ? (shown.at(-1)?.seq ?? null) : null,
  };
}

const rowOf = (entry: AuditEntry, actor: string): AuditRow => ({
  ...{ seq: entry.seq, at: entry.at.toISOString(), action: entry.action, actor, rule: entry.rule, hash: entry.hash },
  subject: `${entry.subjectKind}:${entry.subjectId}`,
  reason: entry.reason ?? '',
  before: textOf(entry.before),
  after: textOf(entry.after),
});

const textOf = (value: unknown): string => (value == null ? '' : JSON.stringify(value).slice(0, MOST_SHOWN));

/** Where the chain ended, day by day, the newest first: for the page of transparency. */
export async function listAuditRoots(
  em: EntityManager,
  limit = 30,
): Promise<{ day: string; seq: number; hash: string }[]> {
  const roots = await em.find(AuditRoot, {}, { orderBy: { day: 'desc' }, limit });
  return roots.map(({ day, seq, hash }) => ({ day, seq, hash }));
}
