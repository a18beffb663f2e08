import ipaddr from 'ipaddr.js';

/**
 * True only for addresses that the public internet routes to a single host. Everything else stays shut, also what a
 * tunnel or translator would turn into a private address again: IPv4-mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96 and
 * 64:ff9b:1::/48), 6to4 (2002::/16), Teredo (2001::/32). Source: IANA special-purpose registries, RFC 6890.
 */
export function isPublicAddress(address: string): boolean {
  const parsed = parse(address);
  if (!parsed) return false;
  if (parsed instanceof ipaddr.IPv4) return parsed.range() === 'unicast' && !inAny(parsed, SPECIAL_IPV4);
  // Global unicast is 2000::/3; whatever IANA has not given out is not a peer.
  return parsed.range() === 'unicast' && parsed.match(GLOBAL_UNICAST, 3) && !inAny(parsed, SPECIAL_IPV6);
}

/** Public, loopback or site-private: for development on one machine or one LAN. Link-local (cloud metadata) never. */
export function isNearbyAddress(address: string): boolean {
  const parsed = parse(address);
  if (!parsed) return false;
  return isPublicAddress(address) || NEARBY_RANGES.has(parsed.range());
}

const NEARBY_RANGES: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal']);
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');

// ipaddr.js knows most ranges; those below are listed again so that an update of it cannot open one.
const SPECIAL_IPV4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
].map((range) => ipaddr.IPv4.parseCIDR(range));
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20', '5f00::/16'].map(
  (range) => ipaddr.IPv6.parseCIDR(range),
);

function parse(address: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  // A zone index (fe80::1%eth0) names an interface of this machine: never a peer.
  if (address.includes('%') || !ipaddr.isValid(address)) return null;
  return ipaddr.parse(address);
}

function inAny<A extends ipaddr.IPv4 | ipaddr.IPv6>(address: A, ranges: readonly (readonly [A, number])[]): boolean {
  return ranges.some(([network, bits]) => (address.match as (network: A, bits: number) => boolean)(network, bits));
}
