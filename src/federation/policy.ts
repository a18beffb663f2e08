import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../kit/database/sql.ts';
import type { Federation } from './deps.ts';

type Mode = Pick<Federation, 'mode'>;
type Stance = 'blocked' | 'allowed';

/** True when the node speaks with this host at all: `FEDERATION` on the machine says which of the owner's words count. */
export async function isHostAllowed({ mode }: Mode, em: EntityManager, host: string): Promise<boolean> {
  if (mode === 'off') return false;
  const names = namesOf(host);
  const found = await rows<{ host: string; stance: Stance }>(
    em,
    `select host, stance from domain_policy where stance is not null and host in (${inList(names)})`,
    names,
  );
  return judge(mode, host, new Map(found.map((row) => [row.host, row.stance])));
}

/** The same for many hosts at once. */
export async function loadHostFilter({ mode }: Mode, em: EntityManager): Promise<(host: string) => boolean> {
  if (mode === 'off') return () => false;
  const found = await rows<{ host: string; stance: Stance }>(
    em,
    'select host, stance from domain_policy where stance is not null',
  );
  const stances = new Map(found.map((row) => [row.host, row.stance]));
  return (host) => judge(mode, host, stances);
}

/** A block covers what lies below a name, an allowance that one host: whoever owns a name gives out those below it. */
function judge(mode: Federation['mode'], host: string, stances: ReadonlyMap<string, Stance>): boolean {
  const [whole = host, ...above] = namesOf(host);
  const own = stances.get(whole) ?? (above[0] === withoutPort(host) ? stances.get(above[0]) : undefined);
  if (own !== undefined) return own === 'allowed';
  if (above.some((name) => stances.get(name) === 'blocked')) return false;
  return mode === 'open';
}

/** The host itself, without its port, and each name above: the nearest first. */
export function namesOf(host: string): string[] {
  const bare = withoutPort(host);
  const labels = bare.split('.');
  const isAddress = /^[\d.]+$|:/.test(bare);
  const above = isAddress ? [] : labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
  return [...new Set([host, bare, ...above])];
}

const withoutPort = (host: string): string => host.replace(/:\d+$/, '');

/** True for actors whose words have no effect here: their host, or they themselves, are not wanted. One read at the door. */
export async function isActorBlocked({ mode }: Mode, em: EntityManager, actorUri: string): Promise<boolean> {
  if (mode === 'off') return true;
  const { host } = new URL(actorUri);
  const names = namesOf(host);
  const found = await rows<{ host: string; word: Stance | 'suspended' }>(
    em,
    `select host, stance as word from domain_policy where stance is not null and host in (${inList(names)})
     union all select '', 'suspended' from account where uri = ? and state = 'suspended'`,
    [...names, actorUri],
  );
  const stances = found.flatMap(({ host: name, word }) => (word === 'suspended' ? [] : [[name, word] as const]));
  return stances.length < found.length || !judge(mode, host, new Map(stances));
}
