import { Account } from '../../accounts/model.ts';
import { type AccountCard, accountCard, loadProfileHeader, type ProfileHeader } from '../../accounts/profile/header.ts';
import { Model } from '../../catalogue/model.ts';
import { Comment, Image, Post } from '../../gallery/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { readDocument } from '../actors/load.ts';
import { rememberActor } from '../actors/remember.ts';
import { resolveAccount } from '../actors/resolve.ts';
import type { Federation } from '../deps.ts';
import { fetchNote } from '../ingest/ingest-note.ts';
import { findTarget, type Target } from '../ingest/target.ts';
import { ACTOR_TYPES, isOwnId, readLink } from '../origin.ts';
import { whyNothing } from '../peers/silence.ts';
import { readResource } from '../vocabulary/discovery.ts';

/** Shared with the search for people: what one person may make this node ask of others. */
const RESOLVES = { name: 'resolve', max: 30, perMs: 600_000 };

/** What somebody who came from another server wants to follow or to open here. */
export type Interaction =
  | { readonly found: 'account'; readonly profile: ProfileHeader }
  | { readonly found: 'object'; readonly object: ObjectCard }
  /** One of ours: its page. */
  | { readonly found: 'own'; readonly path: string }
  /** `remoteUrl` is where it may be looked at, when that is a web address. */
  | Nothing;

interface Nothing {
  readonly found: 'nothing';
  readonly remoteUrl: string | null;
  readonly host: string;
  readonly why: 'blocked' | 'silent' | 'nothing';
  /** Since when its host is silent, where it is one that is known here. */
  readonly since: string | null;
}

interface ObjectCard {
  readonly kind: Target['kind'];
  readonly title: string;
  readonly owner: AccountCard;
  readonly url: string;
  readonly remoteUrl: string | null;
}

/**
 * Finds what a handle or an address of another server names. Only for who is signed in, and within a budget, because
 * this node asks others for it (F17).
 */
export async function loadInteraction(work: Work, federation: Federation, text: string): Promise<Interaction> {
  const { em } = work;
  const { origin } = federation;
  const uri = text.trim();
  if (isOwnId(uri, origin)) return { found: 'own', path: new URL(uri).pathname };
  const resource = readResource(uri);
  if (!resource) return { found: 'nothing', remoteUrl: null, host: '', why: 'nothing', since: null };
  const nothing = async (failure: AppError | null = null) =>
    nothingAt(work, federation, uri, 'acct' in resource ? resource.acct.host : new URL(resource.url).host, failure);
  if ('acct' in resource) return accountOr(work, await resolveAccount(work, federation, uri), nothing);

  const known = await em.findOne(Account, { $or: [{ uri }, { url: uri }], state: 'active' });
  if (known) return accountOr(work, known, nothing);
  const target = (await findTarget(em, origin, uri)) ?? (await findByPage(em, uri));
  if (target) return objectOr(work, target, nothing);
  if (!work.viewer) throw new AppError('unauthenticated', 'Please sign in.');
  federation.limits.takeFor(`${RESOLVES.name} a${work.viewer.id}`, RESOLVES);
  try {
    return await fetchInteraction(work, federation, uri, nothing);
  } catch (error) {
    if (error instanceof AppError && error.kind !== 'rate_limited') return nothing(error);
    throw error;
  }
}

async function fetchInteraction(
  work: Work,
  federation: Federation,
  uri: string,
  nothing: () => Promise<Nothing>,
): Promise<Interaction> {
  // the address may be that of a page: what answers says what its id is
  const document = await readDocument(work, federation, uri);
  const { id, type = '' } = document?.object ?? {};
  if (!document || id === undefined) return nothing();
  if (ACTOR_TYPES.has(type)) return accountOr(work, await rememberActor(work, federation, document), nothing);
  await fetchNote(work, federation, id);
  const target = await findTarget(work.em, federation.origin, id);
  return target ? objectOr(work, target, nothing) : nothing();
}

/** Says why: people wait for a host that is down, and need not wait for one that is blocked. */
async function nothingAt(
  { em }: Pick<Work, 'em'>,
  federation: Federation,
  uri: string,
  host: string,
  failure: AppError | null,
): Promise<Nothing> {
  const said = await whyNothing({ em }, federation, host);
  const why = said.why === 'nothing' && failure?.kind === 'unavailable' ? 'silent' : said.why;
  return { found: 'nothing', remoteUrl: readLink(uri), host, why, since: said.since };
}

async function accountOr(work: Work, account: Account | null, nothing: () => Promise<Nothing>): Promise<Interaction> {
  if (account?.state !== 'active') return nothing();
  if (account.host === '') return { found: 'own', path: `/@${account.name}` };
  return { found: 'account', profile: await loadProfileHeader(work, account.name, account.host) };
}

/** A post's page address is not its id on most servers. */
async function findByPage(em: Work['em'], url: string): Promise<Target | null> {
  const post = await em.findOne(Post, { url });
  const model = post ? null : await em.findOne(Model, { url });
  const row = post ?? model;
  if (row?.uri == null) return null;
  return findTarget(em, '', row.uri);
}

/** Only what everybody may see is named here; the page itself says who sees the rest. */
async function objectOr({ em }: Work, target: Target, nothing: () => Promise<Nothing>): Promise<Interaction> {
  if (!target.isPublic) return nothing();
  const owner = await em.findOne(Account, target.ownerId);
  if (!owner) return nothing();
  const { kind, id } = target;
  const { title, remote } = await namesOf(em, target);
  const card = { kind, title, owner: accountCard(owner), url: `/${kind}s/${id}`, remoteUrl: readLink(remote) };
  return { found: 'object', object: card };
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
  return { title: '', remote: (await em.findOneOrFail(Comment, String(id))).uri ?? null };
}
