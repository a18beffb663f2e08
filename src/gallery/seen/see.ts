import { inList, rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';

type Parts = Pick<Work, 'em' | 'viewer' | 'now'>;

/**
 * Notes that the viewer opened these, for "only what I have not opened". Of one's own things and of those that were
 * opened before nothing is written, so that a page that is read again writes nothing. Nothing is noted of visitors.
 */
async function see({ em, viewer, now }: Parts, kind: 'model' | 'image', ids: readonly number[]): Promise<void> {
  if (!viewer || ids.length === 0) return;
  const known = await rows<{ id: number }>(
    em,
    `select ${kind}_id as id from seen_${kind} where account_id = ? and ${kind}_id in (${inList(ids)})`,
    [viewer.id, ...ids],
  );
  const fresh = ids.filter((id) => !known.some((row) => row.id === id));
  if (fresh.length === 0) return;
  await rows(
    em,
    `insert into seen_${kind} (account_id, ${kind}_id, at) values ${fresh.map(() => '(?, ?, ?)').join(', ')}
     on conflict do nothing returning ${kind}_id`,
    fresh.flatMap((id) => [viewer.id, id, now()]),
  );
}

export const seeModel = (work: Parts, id: number): Promise<void> => see(work, 'model', [id]);
export const seeImages = (work: Parts, ids: readonly number[]): Promise<void> => see(work, 'image', ids);

/** All of it, at the viewer's wish. */
export async function forgetSeen({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<void> {
  for (const table of ['seen_model', 'seen_image']) {
    await rows(em, `delete from ${table} where account_id = ? returning account_id`, [viewer?.id ?? 0]);
  }
}

const KEPT_MS = 365 * 86_400_000;

/** What was opened more than a year ago counts as new again. */
export async function forgetOldSeen({ em, now }: Pick<Work, 'em' | 'now'>): Promise<void> {
  for (const table of ['seen_model', 'seen_image']) {
    await rows(em, `delete from ${table} where at < ? returning account_id`, [new Date(now().getTime() - KEPT_MS)]);
  }
}
