import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../accounts/model.ts';
import { inList, rows } from '../kit/database/sql.ts';
import type { Federation } from './deps.ts';

type IsWanted = (host: string) => boolean;

/** From this many hosts on, all rules are read instead of those that fit. */
const MANY_HOSTS = 100;

/**
 * Whom this node speaks with, for these hosts, in one query. A block also covers the names below it; `FEDERATION` on
 * the machine decides whether only those count that the owner allowed.
 */
export async function loadHostRules(
  { mode }: Pick<Federation, 'mode'>,
  em: EntityManager,
  hosts: readonly string[],
): Promise<IsWanted> {
  if (mode === 'off' || hosts.length === 0) return () => false;
  const names = [...new Set(hosts.flatMap(namesOf))];
  const found = await rows<{ host: string; kind: 'block' | 'allow' }>(
    em,
    names.length > MANY_HOSTS
      ? 'select host, kind from host_rule'
      : `select host, kind from host_rule where host in (${inList(names)})`,
    names.length > MANY_HOSTS ? [] : names,
  );
  const rules = new Map(found.map(({ host, kind }) => [host, kind]));
  return (host) => {
    const kinds = namesOf(host).map((name) => rules.get(name));
    if (kinds.includes('block')) return false;
    return mode === 'open' || kinds[0] === 'allow';
  };
}

/** `a.b.example:8443` → itself, without its port, and the names above it but the last. */
function namesOf(host: string): string[] {
  const name = host.replace(/:\d+$/, '');
  // no name ends in digits alone, so this is an address (URL Standard, 3.5)
  if (/(^|\.)\d+$|:/.test(name)) return [...new Set([host, name])];
  const labels = name.split('.');
  const above = labels.slice(1, -1).map((_, n) => labels.slice(n + 1).join('.'));
  return [...new Set([host, name, ...above])];
}

/** True when the node speaks with this host at all. */
export async function isHostAllowed(
  federation: Pick<Federation, 'mode'>,
  em: EntityManager,
  host: string,
): Promise<boolean> {
  return (await loadHostRules(federation, em, [host]))(host);
}

/** True for actors whose words have no effect here: their host, or they themselves, are not wanted. */
export async function isActorBlocked(
  federation: Pick<Federation, 'mode'>,
  em: EntityManager,
  actorUri: string,
): Promise<boolean> {
  if (!(await isHostAllowed(federation, em, new URL(actorUri).host))) return true;
  return (await em.count(Account, { uri: actorUri, state: 'suspended' })) > 0;
}
