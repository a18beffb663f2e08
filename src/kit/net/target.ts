import { isIP } from 'node:net';
import { AppError } from '../errors.ts';
import { isNearbyAddress, isPublicAddress } from './addresses.ts';

/** Which URLs and sockets a fetch may touch. Tests allow exactly the sockets of their own peers. */
export interface Reach {
  /** Asked for every address right before connecting to it. */
  readonly allowAddress: (address: string, port: number) => boolean;
  readonly plainHttp: boolean;
  readonly anyPort: boolean;
  /** Names of one label, `.local` and the like: they are never peers on the public internet. */
  readonly localNames: boolean;
}

export const publicReach: Reach = {
  allowAddress: (address) => isPublicAddress(address),
  plainHttp: false,
  anyPort: false,
  localNames: false,
};

/** For `FEDERATION_PRIVATE_ADDRESSES`: peers on this machine or LAN, plain http, any port. */
export const nearbyReach: Reach = {
  allowAddress: (address) => isNearbyAddress(address),
  plainHttp: true,
  anyPort: true,
  localNames: true,
};

const LONGEST_URL = 2048;
const LOCAL_SUFFIXES = ['localhost', 'local', 'internal', 'lan', 'home.arpa', 'onion'];

/** Throws `invalid` unless the URL may be tried at all; addresses are judged later, when the name is resolved. */
export function readTarget(address: string | URL, reach: Reach): URL {
  const text = String(address);
  const url = text.length <= LONGEST_URL && URL.canParse(text) ? new URL(text) : null;
  if (!url) throw refused('is not a URL');
  if (url.protocol !== 'https:' && !(reach.plainHttp && url.protocol === 'http:'))
    throw refused('must begin with https');
  if (url.username !== '' || url.password !== '') throw refused('must not carry a user name');
  if (!reach.anyPort && url.port !== '' && url.port !== '80') throw refused('uses a port that peers do not use');
  const name = hostnameOf(url);
  if (name === '') throw refused('names no host');
  if (isIP(name) === 0 && !reach.localNames && isLocalName(name)) throw refused('names a host that is not public');
  url.hash = '';
  return url;
}

/** The host without port, and without the brackets of IPv6. */
export function hostnameOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

function isLocalName(name: string): boolean {
  // `localhost.` and `peer.example.` are other spellings of names, and a way round every comparison of hosts.
  if (name.endsWith('.') || !name.includes('.')) return true;
  return LOCAL_SUFFIXES.some((suffix) => name.endsWith(`.${suffix}`));
}

function refused(why: string): AppError {
  return new AppError('invalid', `This address ${why}.`);
}
