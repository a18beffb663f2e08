import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { RATING } from '../../safety/ratings.ts';
import { namesOf } from '../policy.ts';
import { STANCES } from './model.ts';

/** What may hold for a host beside whether the node speaks with it: the columns of `DomainPolicy` with a meaning. */
export const HostRule = z.object({
  stance: z.enum(STANCES).nullable().default(null),
  isLimited: z.boolean().default(false),
  rejectsMedia: z.boolean().default(false),
  rejectsFiles: z.boolean().default(false),
  rejectsReports: z.boolean().default(false),
  forbidsMirror: z.boolean().default(false),
  forcedLevel: z
    .union([z.literal(RATING.pg13), z.literal(RATING.r), z.literal(RATING.x), z.literal(RATING.xxx)])
    .nullable()
    .default(null),
});
export type HostRule = z.output<typeof HostRule>;

const FLAGS = ['isLimited', 'rejectsMedia', 'rejectsFiles', 'rejectsReports', 'forbidsMirror'] as const;

/** True where it says nothing at all. */
export const isEmpty = (rule: HostRule): boolean =>
  rule.stance === null && rule.forcedLevel === null && FLAGS.every((flag) => !rule[flag]);

/** Both together: of two lists the stricter word holds. */
export function stricter(one: HostRule, other: HostRule): HostRule {
  const flags = Object.fromEntries(FLAGS.map((flag) => [flag, one[flag] || other[flag]])) as Pick<
    HostRule,
    (typeof FLAGS)[number]
  >;
  const isBlocked = one.stance === 'blocked' || other.stance === 'blocked';
  const level = Math.max(one.forcedLevel ?? 0, other.forcedLevel ?? 0);
  return {
    ...flags,
    stance: isBlocked ? 'blocked' : (one.stance ?? other.stance),
    forcedLevel: level === 0 ? null : (level as HostRule['forcedLevel']),
  };
}

type Effects = Omit<HostRule, 'stance'>;

/** What holds for what comes from a host: the words about it and about each name above it, together. */
export async function loadEffects(em: EntityManager, host: string): Promise<Effects> {
  const names = namesOf(host);
  const found = await rows<Record<string, unknown>>(
    em,
    `select is_limited, rejects_media, rejects_files, rejects_reports, forbids_mirror, forced_level from domain_policy
     where host in (${inList(names)})`,
    names,
  );
  const some = (column: string) => found.some((row) => toBoolean(row[column]));
  const level = Math.max(0, ...found.map((row) => Number(row.forced_level ?? 0)));
  return {
    isLimited: some('is_limited'),
    rejectsMedia: some('rejects_media'),
    rejectsFiles: some('rejects_files'),
    rejectsReports: some('rejects_reports'),
    forbidsMirror: some('forbids_mirror'),
    forcedLevel: level === 0 ? null : (level as HostRule['forcedLevel']),
  };
}

export const effectsOfUri = (em: EntityManager, uri: string): Promise<Effects> => loadEffects(em, new URL(uri).host);
