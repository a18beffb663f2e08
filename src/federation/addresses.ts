import type { Account } from '../accounts/model.ts';
import { isOwnId } from './origin.ts';

/** The ids of everything of ours. They are the addresses of the pages, and never change. */
export const actorUri = (
  origin: string,
  account: Pick<Account, 'host' | 'name'> & { uri?: string | null | undefined },
): string => (account.host === '' ? `${origin}/users/${account.name}` : (account.uri ?? ''));

/** The part before the host in the handle of the node itself: `@node.example@node.example`. */
export const nodeActorName = (host: string): string => host.replace(/[^a-z0-9_.-]/gi, '_');
export const nodeActorUri = (origin: string): string => `${origin}/actor`;
/** What somebody keeps at the top of their profile. */
export const featuredUri = (origin: string, name: string): string => `${origin}/users/${name}/featured`;
export const followersUri = (origin: string, name: string): string => `${origin}/users/${name}/followers`;

export type ObjectKind = 'model' | 'version' | 'post' | 'image' | 'comment' | 'review';
const FOLDERS: Readonly<Record<ObjectKind, string>> = {
  model: 'models',
  version: 'versions',
  post: 'posts',
  image: 'images',
  comment: 'comments',
  review: 'reviews',
};

/** Of a row that is ours or a peer's. */
export const objectUri = (
  origin: string,
  kind: ObjectKind,
  row: { readonly id: number | string; readonly uri?: string | null | undefined },
): string => row.uri ?? `${origin}/${FOLDERS[kind]}/${row.id}`;

const OWN_PATH = /^\/(models|versions|posts|images|comments|reviews|users)\/([^/?#]+)$/;

/** What an id of ours names; null for anything else. */
export function readOwnUri(
  origin: string,
  uri: string,
): { kind: ObjectKind; id: string } | { kind: 'account'; name: string } | null {
  if (!isOwnId(uri, origin)) return null;
  const { pathname, search } = new URL(uri);
  const [, folder, id = ''] = OWN_PATH.exec(pathname) ?? [];
  if (folder === undefined || search !== '') return null;
  if (folder === 'users') return { kind: 'account', name: id };
  const kind = folder.slice(0, -1) as ObjectKind;
  const isNumbered = kind !== 'comment' && kind !== 'review';
  const isWell = isNumbered ? /^[1-9]\d{0,9}$/.test(id) && Number(id) < 2 ** 31 : /^[0-9a-f-]{36}$/.test(id);
  return isWell ? { kind, id } : null;
}
