import { createHash } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { isSharedEnding } from '../../kit/net/domain.ts';
import type { Federation } from '../deps.ts';
import { isOwnName } from '../peers/decide.ts';
import { readHost } from '../peers/host-name.ts';
import type { ListFault } from '../peers/model.ts';
import { namesOf } from '../policy.ts';
import type { ListRow, Unread } from './read.ts';

export interface CheckedRow extends ListRow {
  /** In ASCII, as it stands in addresses. */
  readonly host: string;
}

/** The rows that may become a word about a host, and for each other one why not (spec/blocklists.md, import rules). */
export async function checkRows(
  em: EntityManager,
  federation: Pick<Federation, 'publicUrl'>,
  listed: readonly (ListRow | Unread)[],
): Promise<{ readonly good: readonly CheckedRow[]; readonly faults: readonly ListFault[] }> {
  const known = listed.some((row) => 'domain' in row && row.domain.includes('*')) ? await knownByDigest(em) : new Map();
  const excluded = await listAllowed(em);
  const good: CheckedRow[] = [];
  const faults: ListFault[] = [];
  const seen = new Map<string, number>();
  for (const row of listed) {
    const host = 'problem' in row ? '' : hostOf(row, known);
    const before = seen.get(host);
    const problem = 'problem' in row ? row.problem : problemOf(row, host, before);
    if ('problem' in row || problem !== null) faults.push({ line: row.line, text: problem ?? '' });
    else {
      seen.set(host, row.line);
      good.push({ ...row, host });
    }
  }
  return { good, faults };

  function problemOf(row: ListRow, host: string, before: number | undefined): string | null {
    const shown = `“${row.domain.slice(0, 80)}”`;
    const bare = row.domain.replace(/^\[|\](:\d+)?$/g, '');
    if (row.domain === '') return 'No host stands here.';
    if (ADDRESS.test(bare) || ADDRESS.test(host)) return `${shown} is an address and no name.`;
    if (row.domain.includes('*') && row.digest === null) return `${shown}: a star names no host.`;
    if (row.domain.includes('*') && host === '') return `${shown} is starred out, and no host known here is meant.`;
    if (/^\.?[a-z0-9-]+\.?$/i.test(row.domain)) return `${shown} is an ending that many share.`;
    if (host === '') return `${shown} is no name of a host.`;
    if (row.digest !== null && row.digest !== digestOf(host)) return `${shown} does not fit its digest.`;
    if (isSharedEnding(host)) return `${shown} is an ending that many share.`;
    if (isOwnName(federation, host)) return `${shown} is this node.`;
    if (row.rule.stance !== 'allowed' && excluded.has(host)) return `${shown} is expressly allowed here.`;
    return before === undefined ? null : `${shown} is the host of line ${before} again.`;
  }
}

/** IPv4 in any spelling of numbers, IPv6 by its colons. */
const ADDRESS = /^[\d.]+(:\d+)?$|^[\da-f.]*:[\da-f.:]*:[\da-f.:]*$/i;

const digestOf = (host: string): string => createHash('sha256').update(host).digest('hex');

/** A subdomain is meant by its whole labels; `www.` or a scheme before the name is the habit of people, not a name. */
function hostOf(row: ListRow, known: ReadonlyMap<string, string>): string {
  if (row.domain.includes('*')) return (row.digest !== null && known.get(row.digest)) || '';
  return readHost(row.domain);
}

/** Each host that was ever met, and the names above it, by their digests. */
async function knownByDigest(em: EntityManager): Promise<Map<string, string>> {
  const hosts = await rows<{ host: string }>(
    em,
    `select host from peer_host union select distinct host from account where host <> '' union select host from domain_policy`,
  );
  const names = new Set(hosts.flatMap(({ host }) => namesOf(host)));
  return new Map([...names].map((name) => [digestOf(name), name]));
}

async function listAllowed(em: EntityManager): Promise<ReadonlySet<string>> {
  const found = await rows<{ host: string }>(
    em,
    `select host from domain_policy where stance = 'allowed' and source = ''`,
  );
  return new Set(found.map(({ host }) => host));
}
