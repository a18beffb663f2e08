import { Account } from '../../accounts/model.ts';
import { type AccountCard, accountCard, loadProfileHeader, type ProfileHeader } from '../../accounts/profile/header.ts';
import { Model } from '../../catalogue/model.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { Target } from '../ingest/target.ts';
import { type LookedUp, lookUp } from '../looking/look-up.ts';
import { readLink } from '../origin.ts';
import { findSilence } from '../peers/silence.ts';

/** What somebody who came from another server wants to follow or to open here. */
export type Interaction =
  | { readonly found: 'account'; readonly profile: ProfileHeader }
  | { readonly found: 'object'; readonly object: ObjectCard }
  /** One of ours: its page. */
  | { readonly found: 'own'; readonly path: string }
  /** `since` is when its host fell silent, where it is one that is known here. */
  | (Extract<LookedUp, { found: 'nothing' }> & { readonly since: string | null });

interface ObjectCard {
  readonly kind: Target['kind'];
  readonly title: string;
  readonly owner: AccountCard;
  readonly url: string;
  readonly remoteUrl: string | null;
}

/** What a handle or an address names, as cards. Only for who is signed in, because this node asks others for it (F17). */
export async function loadInteraction(work: Work, federation: Federation, text: string): Promise<Interaction> {
  const known = (await lookUp(work, federation, text, true)) ?? NO_ADDRESS;
  if (known.found === 'account') {
    const { name, host } = known.account;
    return { found: 'account', profile: await loadProfileHeader(work, name, host) };
  }
  if (known.found === 'object') return { found: 'object', object: await cardOf(work, known.target) };
  if (known.found === 'own') return known;
  return { ...known, since: (await findSilence(work, known.host))?.since ?? null };
}

const NO_ADDRESS = { found: 'nothing', why: 'not-found', host: '', remoteUrl: null } as const;

async function cardOf({ em }: Work, target: Target): Promise<ObjectCard> {
  const owner = await em.findOneOrFail(Account, target.ownerId);
  const { kind, id } = target;
  const { title, remote } = await namesOf(em, target);
  return { kind, title, owner: accountCard(owner), url: `/${kind}s/${id}`, remoteUrl: readLink(remote) };
}

async function namesOf(em: Work['em'], { kind, id }: Target): Promise<{ title: string; remote: string | null }> {
  if (kind === 'model') {
    const model = await em.findOneOrFail(Model, Number(id));
    return { title: model.name, remote: model.url ?? model.uri ?? null };
  }
  if (kind === 'post') {
    const post = await em.findOneOrFail(Post, Number(id));
    return { title: post.title, remote: post.url ?? post.uri ?? null };
  }
  if (kind === 'image') return { title: '', remote: (await em.findOneOrFail(Image, Number(id))).uri ?? null };
  if (kind === 'review') return { title: '', remote: (await em.findOneOrFail(Review, String(id))).uri ?? null };
  return { title: '', remote: (await em.findOneOrFail(Comment, String(id))).uri ?? null };
}
