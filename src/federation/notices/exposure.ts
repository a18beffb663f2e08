import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { readOwnUri } from '../addresses.ts';
import type { Document } from '../vocabulary/context.ts';
import { Exposure, HOW, type How } from './model.ts';

const CHUNK = 300;
const DAY_MS = 86_400_000;
/** Nobody asks any more after a copy that was last seen so long ago. */
const KEPT_MS = 400 * DAY_MS;

/** Writes down that these hosts had a thing of ours, in a few statements however many they are. Joins the transaction of `em`. */
export async function noteExposure(
  em: EntityManager,
  subject: string,
  hosts: readonly string[],
  how: How,
  now: Date,
): Promise<void> {
  for (let from = 0; from < hosts.length; from += CHUNK) {
    const some = hosts.slice(from, from + CHUNK);
    const values = some.map(() => `(?, ?, ${HOW[how]}, ?, ?)`).join(', ');
    await rows(
      em,
      `insert into exposure (subject, host, how, first_at, last_at) values ${values}
       on conflict (subject, host) do update set how = exposure.how | excluded.how, last_at = excluded.last_at
       returning host`,
      some.flatMap((host) => [subject, host, now, now]),
    );
  }
}

/** For what happens often: a read where it is known of today, one write where it is not. */
export async function noteExposureOnce(em: EntityManager, subject: string, host: string, how: How, now: Date) {
  const [known] = await rows(
    em,
    `select 1 from exposure where subject = ? and host = ? and (how & ${HOW[how]}) <> 0 and last_at > ?`,
    [subject, host, new Date(now.getTime() - DAY_MS)],
  );
  if (!known) await noteExposure(em, subject, [host], how, now);
}

/** `model:12` for an id of ours; null for what is not ours, or is nobody's copy. */
function subjectOf(origin: string, uri: string): string | null {
  const named = readOwnUri(origin, uri);
  return named === null || named.kind === 'account' ? null : `${named.kind}:${named.id}`;
}

/** What an activity carries or shows of ours to those who get it. */
export function subjectOfActivity(origin: string, { type, object }: Document): string | null {
  if (type !== 'Create' && type !== 'Update' && type !== 'Announce') return null;
  const uri = typeof object === 'string' ? object : (object as { id?: unknown } | undefined)?.id;
  return typeof uri === 'string' ? subjectOf(origin, uri) : null;
}

export async function pruneExposure(em: EntityManager, now: Date): Promise<void> {
  await em.nativeDelete(Exposure, { lastAt: { $lt: new Date(now.getTime() - KEPT_MS) } });
}
