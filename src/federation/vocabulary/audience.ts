import type { Visibility } from '../../safety/audience.ts';
import { type ApObject, PUBLIC } from '../normalise.ts';
import { idOf, valuesOf } from '../origin.ts';
import { AS_PUBLIC } from './context.ts';

export interface Audience {
  readonly visibility: Visibility;
  /** URI of the followers collection of the author. */
  readonly followersUri: string;
  /** URIs of the accounts that are addressed by name. */
  readonly mentionUris: readonly string[];
}

/** As Mastodon tells levels apart: Public in `to`, Public in `cc`, only followers, only those who are named. Always lists: Lemmy and Pixelfed refuse a single string. */
export function audienceFields({ visibility, followersUri, mentionUris }: Audience): { to: string[]; cc: string[] } {
  if (visibility === 'public') return { to: [AS_PUBLIC], cc: [followersUri, ...mentionUris] };
  if (visibility === 'unlisted') return { to: [followersUri], cc: [AS_PUBLIC, ...mentionUris] };
  if (visibility === 'followers') return { to: [followersUri], cc: [...mentionUris] };
  return { to: [...mentionUris], cc: [] };
}

/** `authorFollowersUri` from the author's document; null when it has none. */
export function readVisibility(object: ApObject, authorFollowersUri: string | null): Visibility {
  const [to, cc] = [addressesOf(object, 'to'), addressesOf(object, 'cc')];
  if (to.includes(PUBLIC)) return 'public';
  if (cc.includes(PUBLIC)) return 'unlisted';
  return authorFollowersUri !== null && [...to, ...cc].includes(authorFollowersUri) ? 'followers' : 'direct';
}

/** Everybody and every collection that an object is addressed to, once each. */
export const addresseesOf = (object: ApObject): string[] => [
  ...new Set([...addressesOf(object, 'to'), ...addressesOf(object, 'cc')]),
];

function addressesOf(object: ApObject, key: 'to' | 'cc'): string[] {
  return valuesOf(object, key).flatMap((value) => idOf(value) ?? []);
}
