import { t } from '../../kit/web/messages.ts';

const MOST_CHARS = 500;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);
/** RFC 8252 7.1: the name of a domain that the app's maker has, reversed. The dot keeps `javascript:` and its like out. */
const PRIVATE_SCHEME = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/;

/**
 * Whether a program may be sent answers here: https, loopback over http (RFC 8252 7.3), or a scheme of the app's own.
 * Neither a fragment nor a name and password (RFC 6749 3.1.2).
 */
export function isRedirectUri(text: string): boolean {
  if (text.length > MOST_CHARS || !/^[\x21-\x7e]+$/.test(text) || /[#\\]/.test(text) || !URL.canParse(text))
    return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  if (protocol === 'https:') return hostname !== '';
  if (protocol === 'http:') return LOOPBACK.has(hostname);
  return PRIVATE_SCHEME.test(protocol);
}

/** Letter by letter (RFC 9700 2.1); of a loopback address any port, which an app learns when it starts. */
export function matchesRedirect(registered: string, asked: string): boolean {
  if (registered === asked) return true;
  if (!isRedirectUri(asked)) return false;
  return isLoopbackAddress(registered) && isLoopbackAddress(asked) && withoutPort(registered) === withoutPort(asked);
}

const isLoopbackAddress = (text: string): boolean =>
  /^http:\/\/(?:127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:[/?]|$)/.test(text);
const withoutPort = (text: string): string => text.replace(/^(http:\/\/(?:127\.0\.0\.1|\[::1\])):\d{1,5}/, '$1');

/** What a policy for content calls the place; a scheme alone where it has no word for the host. */
export function sourceOf(redirectUri: string): string {
  const { protocol, origin, hostname } = new URL(redirectUri);
  return origin === 'null' || hostname.startsWith('[') ? protocol : origin;
}

/** What a person is told of where the answer goes. */
export function placeOf(redirectUri: string): string {
  const { protocol, host, hostname } = new URL(redirectUri);
  if (protocol === 'https:') return host;
  return LOOPBACK.has(hostname) ? t('oauth.this-device', { host: hostname }) : protocol.slice(0, -1);
}
