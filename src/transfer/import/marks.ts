import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { ModelVersion } from '../../catalogue/model.ts';
import { findTarget } from '../../federation/ingest/target.ts';
import { rows } from '../../kit/database/sql.ts';

/** What something elsewhere became here. */
export interface Mark {
  readonly kind: string;
  readonly targetId: string;
}

const hashOf = (origin: string): string => createHash('sha256').update(origin).digest('hex');

export async function findMark(em: EntityManager, accountId: number, origin: string): Promise<Mark | null> {
  const [found] = await rows<{ kind: string; target_id: string }>(
    em,
    'select kind, target_id from transfer_mark where account_id = ? and key_hash = ?',
    [accountId, hashOf(origin)],
  );
  return found ? { kind: found.kind, targetId: found.target_id } : null;
}

/** Within the caller's transaction where it has one, so that the row and its mark are there together. */
export async function keepMark(
  em: EntityManager,
  accountId: number,
  origin: string,
  { kind, targetId }: { readonly kind: string; readonly targetId: number | string },
  now: Date,
): Promise<void> {
  await rows(
    em,
    `insert into transfer_mark (account_id, key_hash, origin, kind, target_id, created_at) values (?, ?, ?, ?, ?, ?)
     on conflict (account_id, key_hash) do update set kind = excluded.kind, target_id = excluded.target_id
     returning key_hash`,
    [accountId, hashOf(origin), origin.slice(0, 2_048), kind, String(targetId), now],
  );
}

/** What an address names here: what came in with this account, what is ours, or what is known of elsewhere. */
export async function findHere(
  em: EntityManager,
  accountId: number,
  nodeOrigin: string,
  uri: string,
): Promise<Mark | null> {
  const mark = await findMark(em, accountId, uri);
  if (mark) return mark;
  const target = await findTarget(em, nodeOrigin, uri);
  return target && { kind: target.kind, targetId: String(target.id) };
}

/** The same for a version, for which `findTarget` answers with its model. */
export async function findVersionHere(
  em: EntityManager,
  accountId: number,
  nodeOrigin: string,
  uri: string,
): Promise<number | null> {
  const mark = await findMark(em, accountId, uri);
  if (mark?.kind === 'version') return Number(mark.targetId);
  const own = uri.startsWith(`${nodeOrigin}/versions/`) ? /\/versions\/([1-9]\d{0,9})$/.exec(uri)?.[1] : undefined;
  const found = await em.findOne(ModelVersion, own === undefined ? { uri } : { id: Number(own), uri: null });
  return found?.id ?? null;
}
