import { open } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import type { Shelf } from '../../kit/storage/vault/shelf.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import { sizeOf } from './folder.ts';

/** Under which names those of the vault lie that may be in a backup: nothing that was removed as showing a child. */
export async function listVaulted(em: EntityManager, vault: Vault): Promise<string[]> {
  const found = await rows<{ digest: string }>(
    em,
    `select distinct t.digest from takedown_trace t
     where t.digest is not null and t.purged_at is null and t.restored_at is null
       and not exists (select 1 from takedown_trace m join takedown d on d.id = m.takedown_id
         where m.digest = t.digest and d.category = 'minor')
     order by t.digest`,
  );
  return found.map(({ digest }) => vault.nameOf(digest));
}

/** The bytes of what was removed as showing a child, wherever else they may lie. */
export async function listKeptOut(em: EntityManager): Promise<Set<string>> {
  const found = await rows<{ digest: string }>(
    em,
    `select distinct t.digest from takedown_trace t join takedown d on d.id = t.takedown_id
     where d.category = 'minor' and t.digest is not null and t.restored_at is null`,
  );
  return new Set(found.map(({ digest }) => digest));
}

const ENDS_BYTES = 16;

/** Is this the same seal? Its vector and its tag, at the two ends, are chance and proof of all between. */
export async function sealedAlike(shelf: Shelf, name: string, totalBytes: number, target: string): Promise<boolean> {
  if ((await sizeOf(target)) !== totalBytes || totalBytes < ENDS_BYTES) return false;
  const end = { start: totalBytes - ENDS_BYTES, end: totalBytes - 1 };
  const start = { start: 0, end: ENDS_BYTES - 1 };
  const there = [await buffer(shelf.open(name, start)), await buffer(shelf.open(name, end))];
  const file = await open(target, 'r');
  try {
    for (const [n, span] of [start, end].entries()) {
      const bytes = Buffer.alloc(ENDS_BYTES);
      await file.read(bytes, 0, ENDS_BYTES, span.start);
      if (!there[n]?.equals(bytes)) return false;
    }
    return true;
  } finally {
    await file.close();
  }
}
