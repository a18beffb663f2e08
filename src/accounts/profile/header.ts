import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { Account, Block, Follow, handle, isLocal, type ProfileLink } from '../model.ts';

/** What stands above the lists of a profile page. */
export interface ProfileHeader {
  readonly id: number;
  readonly name: string;
  /** '' for accounts of this node. */
  readonly host: string;
  readonly displayName: string;
  readonly handle: string;
  /** The page here. */
  readonly url: string;
  /** The page at home of an account of elsewhere. */
  readonly remoteUrl: string | null;
  readonly avatarUrl: string | null;
  readonly bannerUrl: string | null;
  /** Markdown when `host` is '', else HTML of a peer: `| markdown` or `| remoteHtml`. */
  readonly bio: string;
  readonly links: readonly ProfileLink[];
  readonly isBot: boolean;
  readonly isLocked: boolean;
  /** Where this person went: the page here of an account of elsewhere that is known, else its address. */
  readonly movedTo: { readonly label: string; readonly url: string } | null;
  readonly joinedAt: string;
  readonly followerCount: number;
  readonly followingCount: number;
  readonly relation: Relation;
}

/** How the viewer stands to the account. */
interface Relation {
  readonly isSelf: boolean;
  readonly isSignedIn: boolean;
  readonly follow: 'none' | 'pending' | 'accepted';
  readonly block: 'none' | 'block' | 'mute';
  readonly followsViewer: boolean;
}

export interface AccountCard {
  readonly id: number;
  readonly name: string;
  readonly host: string;
  readonly displayName: string;
  readonly url: string;
  readonly avatarUrl: string | null;
}

/** Immutable: the address holds the hash of the picture. */
export const avatarUrl = (account: Pick<Account, 'id' | 'avatarSha256'>): string | null =>
  account.avatarSha256 ? `/media/avatars/${account.id}/${account.avatarSha256}.webp` : null;

const bannerUrl = (account: Pick<Account, 'id' | 'bannerSha256'>): string | null =>
  account.bannerSha256 ? `/media/banners/${account.id}/${account.bannerSha256}.webp` : null;

/** The props of the macros in components/avatar.njk. */
export const accountCard = (account: Account): AccountCard => ({
  id: account.id,
  name: account.name,
  host: account.host,
  displayName: account.displayName,
  url: `/${handle(account)}`,
  avatarUrl: avatarUrl(account),
});

/** The local account of a page address. Throws `not_found` also for one that is not in yet, `gone` for a deleted one. */
async function loadProfileAccount({ em }: Pick<Work, 'em'>, name: string, host: string): Promise<Account> {
  const account = await em.findOne(Account, { host: host.toLowerCase(), name: name.toLowerCase() });
  if (account?.state === 'deleted') throw new AppError('gone', 'This account was deleted.');
  if (!account || account.state === 'unverified' || account.state === 'awaiting_approval') {
    throw new AppError('not_found', 'There is no such account here.');
  }
  if (account.state === 'suspended') throw new AppError('withheld', 'This account is suspended.');
  return account;
}

export async function loadProfileHeader(
  work: Pick<Work, 'em' | 'viewer'>,
  name: string,
  host = '',
): Promise<ProfileHeader> {
  const account = await loadProfileAccount(work, name, host);
  const relation = await loadRelation(work, account);
  return {
    ...accountCard(account),
    displayName: account.displayName || account.name,
    handle: handle(account),
    remoteUrl: isLocal(account) ? null : (account.url ?? account.uri ?? null),
    bannerUrl: bannerUrl(account),
    bio: account.bio,
    links: account.links,
    isBot: account.kind === 'Service' || account.kind === 'Application',
    isLocked: account.isLocked,
    movedTo: await findMoved(work, account),
    joinedAt: account.createdAt.toISOString(),
    followerCount: await work.em.count(Follow, { target: account, state: 'accepted' }),
    followingCount: await work.em.count(Follow, { follower: account, state: 'accepted' }),
    relation,
  };
}

async function findMoved({ em }: Pick<Work, 'em'>, { movedToUri }: Account): Promise<ProfileHeader['movedTo']> {
  if (movedToUri == null || !/^https?:\/\//.test(movedToUri)) return null;
  const known = await em.findOne(Account, { uri: movedToUri, state: 'active' });
  return known ? { label: handle(known), url: `/${handle(known)}` } : { label: movedToUri, url: movedToUri };
}

async function loadRelation({ em, viewer }: Pick<Work, 'em' | 'viewer'>, account: Account): Promise<Relation> {
  if (!viewer || viewer.id === account.id) {
    return {
      isSelf: viewer !== null,
      isSignedIn: viewer !== null,
      follow: 'none',
      block: 'none',
      followsViewer: false,
    };
  }
  const follow = await em.findOne(Follow, { follower: viewer.id, target: account });
  const back = await em.count(Follow, { follower: account, target: viewer.id, state: 'accepted' });
  const block = await em.findOne(Block, { account: viewer.id, target: account });
  return {
    isSelf: false,
    isSignedIn: true,
    follow: !follow || follow.state === 'rejected' ? 'none' : follow.state,
    block: block?.kind ?? 'none',
    followsViewer: back > 0,
  };
}
