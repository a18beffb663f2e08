import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows, toDate } from '../../../kit/database/sql.ts';
import type { Line, LineLog } from '../../../kit/storage/vault/line-log.ts';
import { POLICY_TARGETS, type PolicyTarget } from '../../../safety/policy.ts';
import type { TakedownParameters } from '../start.ts';

/*
 * What was taken down is also written to a file beside the database, a line each and never changed: a database that comes
 * from a backup knows nothing of what happened since, and this is looked through before anything is served
 * (spec/takedowns.md 2.10, restore denylist). Whoever restores into an empty folder brings the file along.
 */
export const MARKS_FILE = 'taken-down.jsonl';

const Sha256s = z.array(z.string().length(64));
const OwnMark = z.object({
  takedown: z.uuid(),
  target: z.object({ kind: z.enum(POLICY_TARGETS), id: z.int() }),
  /** When the thing itself was made: another one may have its number in a database from a backup. */
  madeAt: z.string(),
  outcome: z.enum(['remove', 'hash_only', 'account_action']),
  category: z.string().max(20),
  parameters: z.record(z.string(), z.unknown()).transform((value) => value as TakedownParameters),
  digests: z.object({ files: Sha256s, tensors: Sha256s, pictures: Sha256s }),
  /** Of what another server owns, by which it would come back. */
  remote: z.object({ uri: z.string(), actor: z.string() }).nullable(),
  at: z.string(),
});
export type OwnMark = z.output<typeof OwnMark>;
const Undone = z.object({ undone: z.string() });
const Purged = z.object({ purged: z.string().length(64), at: z.string() });

export const keepMark = (marks: LineLog, mark: z.input<typeof OwnMark>): Promise<void> => marks.append(mark);
export const keepUndone = (marks: LineLog, takedownId: string): Promise<void> => marks.append({ undone: takedownId });
export const keepPurged = (marks: LineLog, digest: string, at: Date): Promise<void> =>
  marks.append({ purged: digest, at: at.toISOString() });

export interface Marks {
  readonly taken: readonly OwnMark[];
  readonly purged: readonly { readonly digest: string; readonly at: Date }[];
}

/** What stands of our own decisions; lines of other rooms are theirs to read. */
export function marksOf(lines: readonly Line[]): Marks {
  const taken = new Map<string, OwnMark>();
  const purged: Marks['purged'][number][] = [];
  for (const line of lines) {
    const own = 'takedown' in line ? OwnMark.safeParse(line).data : undefined;
    const undone = 'undone' in line ? Undone.safeParse(line).data : undefined;
    const gone = 'purged' in line ? Purged.safeParse(line).data : undefined;
    if (own) taken.set(own.takedown, own);
    if (undone) taken.delete(undone.undone);
    if (gone) purged.push({ digest: gone.purged, at: new Date(gone.at) });
  }
  return { taken: [...taken.values()], purged };
}

const TABLES = { version: 'model_version' } as Partial<Record<PolicyTarget['kind'], string>>;
const tableOf = ({ kind }: PolicyTarget): string => TABLES[kind] ?? kind;

/** Null where there is no such thing. */
export async function madeAtOf(em: EntityManager, target: PolicyTarget): Promise<string | null> {
  const [row] = await rows<{ at: unknown }>(em, `select created_at as at from ${tableOf(target)} where id = ?`, [
    target.id,
  ]);
  return row ? toDate(row.at).toISOString() : null;
}

/** How its own server names a thing and its owner; null for what is of this node. */
export async function remoteNameOf(em: EntityManager, target: PolicyTarget): Promise<OwnMark['remote']> {
  if (target.kind === 'version') return null; // its model is what other servers name
  const sql =
    target.kind === 'account'
      ? `select uri, uri as actor from account where id = ? and host <> ''`
      : `select t.uri, a.uri as actor from ${tableOf(target)} t join account a on a.id = t.owner_id where t.id = ? and t.uri is not null`;
  const [row] = await rows<{ uri: string | null; actor: string | null }>(em, sql, [target.id]);
  return row?.uri && row.actor ? { uri: row.uri, actor: row.actor } : null;
}
