import type { Federation } from '../deps.ts';
import { readResource } from '../vocabulary/discovery.ts';

/** What somebody typed or pasted, in one spelling. */
export type WantedAddress =
  | { readonly kind: 'own'; readonly path: string }
  | { readonly kind: 'handle'; readonly name: string; readonly host: string }
  | { readonly kind: 'url'; readonly url: string; readonly host: string };

const LONGEST_URL = 2_048;

/** `@name@host`, `name@host`, `acct:name@host` or a web address; null for everything else. */
export function readAddress(
  text: string,
  { origin, host: ownHost }: Pick<Federation, 'origin' | 'host'>,
): WantedAddress | null {
  const own = new URL(origin);
  const resource = readResource(text.trim().replace(/^https?:/i, (scheme) => scheme.toLowerCase()));
  if (!resource) return null;
  if ('acct' in resource) {
    const host = readHost(resource.acct.host, own.protocol);
    if (host === null || !/^[\p{L}\p{N}_.~-]+$/u.test(resource.acct.name)) return null;
    const isOwn = host === ownHost || host === own.hostname;
    return { kind: 'handle', name: resource.acct.name, host: isOwn ? ownHost : host };
  }
  const url = new URL(resource.url);
  // who pastes an old link means the same page; nothing is asked without TLS
  if (own.protocol === 'https:') url.protocol = 'https:';
  if (url.username !== '' || url.password !== '' || url.hostname === '' || url.href.length > LONGEST_URL) return null;
  url.hostname = url.hostname.replace(/\.$/, '');
  url.hash = '';
  if (url.host === own.host || (url.hostname === own.hostname && url.port === '')) {
    // two slashes at the start would be another host
    return { kind: 'own', path: url.pathname.replace(/^\/+/, '/') + url.search };
  }
  return { kind: 'url', url: url.href, host: url.host };
}

/** The part after the `@`, as a URL spells it: names of other scripts in Punycode, the usual port left out. */
function readHost(text: string, protocol: string): string | null {
  const address = `${protocol}//${text}/`;
  if (!/^[^\s/?#@\\]+$/.test(text) || !URL.canParse(address)) return null;
  const { host, hostname } = new URL(address);
  return hostname.includes('.') || hostname.startsWith('[') || hostname === 'localhost'
    ? host.replace(/\.(?=:|$)/, '')
    : null;
}
