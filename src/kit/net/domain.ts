import { getDomain, getPublicSuffix } from 'tldts';

/**
 * Free hosts under which names are given out to anybody, and servers of the fediverse stand, that their owners have not
 * put on the public suffix list.
 */
const FREE_HOSTS: ReadonlySet<string> = new Set([
  ...['amazonaws.com', 'railway.app', 'wordpress.com', 'tumblr.com', 'masto.host', 'us.to', 'nip.io', 'sslip.io'],
]);

const bare = (host: string): string => host.replace(/:\d+$/, '');

/**
 * The name that somebody registered, of which a wildcard DNS zone of a thousand names has one (CVE-2022-46405). By the
 * part of the public suffix list that registries wrote: names under a free host share its budget. An address is itself.
 */
export const registrableDomain = (hostname: string): string => getDomain(hostname) ?? hostname;

/** True for an ending of which many owners share, by its ASCII name: `com`, `co.uk`, `github.io`, also with a port. */
export function isSharedEnding(host: string): boolean {
  const name = bare(host);
  if (!name.includes('.') || FREE_HOSTS.has(name)) return true;
  return getPublicSuffix(name, { allowPrivateDomains: true }) === name;
}
