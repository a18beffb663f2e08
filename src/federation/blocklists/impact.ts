import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { namesOf } from '../policy.ts';

/** Whom a word about a host would touch: people known there, and follows in both directions. */
export interface Impact {
  readonly accounts: number;
  readonly followers: number;
  readonly following: number;
}

export const NO_IMPACT: Impact = { accounts: 0, followers: 0, following: 0 };

/** By each name that a word could be about: a host counts for the names above it too. Three reads, however many names. */
export async function loadImpact(em: EntityManager): Promise<ReadonlyMap<string, Impact>> {
  const sums = new Map<string, { accounts: number; followers: number; following: number }>();
  const add = (host: string, key: keyof Impact, count: number) => {
    for (const name of namesOf(host)) {
      const sum = sums.get(name) ?? { ...NO_IMPACT };
      sum[key] += count;
      sums.set(name, sum);
    }
  };
  const counts = (sql: string) => rows<{ host: string; n: unknown }>(em, sql);
  const ofFollows = (end: 'follower_id' | 'target_id') =>
    counts(`select a.host, count(*) as n from follow f join account a on a.id = f.${end}
      where f.state = 'accepted' and a.host <> '' group by a.host`);
  for (const { host, n } of await counts(
    `select host, count(*) as n from account where host <> '' and state <> 'deleted' group by host`,
  ))
    add(host, 'accounts', toNumber(n));
  for (const { host, n } of await ofFollows('follower_id')) add(host, 'followers', toNumber(n));
  for (const { host, n } of await ofFollows('target_id')) add(host, 'following', toNumber(n));
  return sums;
}
