import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { lookAt } from '../../gallery/access.ts';
import { Collection } from '../../gallery/collections/model.ts';
import { Post } from '../../gallery/model.ts';
import { AppError } from '../../kit/errors.ts';
import { registrableDomain } from '../../kit/net/domain.ts';
import type { Work } from '../../kit/work.ts';
import { loadSigningKey } from '../actors/keys.ts';
import { findActor, readDocument } from '../actors/load.ts';
import { rememberActor } from '../actors/remember.ts';
import { askWebFinger, RESOLVES } from '../actors/resolve.ts';
import type { Federation } from '../deps.ts';
import { WrongDocument } from '../fetch-document.ts';
import { isCollection } from '../ingest/ingest-collection.ts';
import { fetchNote } from '../ingest/ingest-note.ts';
import { findTarget, sightOf, type Target } from '../ingest/target.ts';
import { NODE_ACTOR } from '../model.ts';
import { ACTOR_TYPES, isSameOrigin, readLink } from '../origin.ts';
import { isHostAllowed } from '../policy.ts';
import { findTopicByName } from '../topics/addresses.ts';
import { collectionOfNote } from '../vocabulary/collection-note.ts';
import { uriOf } from '../vocabulary/read.ts';
import { withinBudget } from './budget.ts';
import { readAddress, type WantedAddress } from './read-address.ts';

/** Why nothing can be shown for an address. What is here but not for the asker is `not-found`, as if it were not. */
type WhyNothing = 'not-found' | 'unreachable' | 'blocked' | 'not-shown' | 'sign-in' | 'unasked';

/** What an address or a handle of anywhere names. */
export type LookedUp =
  | { readonly found: 'account'; readonly account: Account }
  | { readonly found: 'object'; readonly target: Target }
  /** One of ours: its page. */
  | { readonly found: 'own'; readonly path: string }
  /** `remoteUrl` is where it may be looked at, when that is a web address. */
  | {
      readonly found: 'nothing';
      readonly why: WhyNothing;
      readonly host: string;
      readonly remoteUrl: string | null;
    };

/** What one person's question may cost, however the hosts answer. */
const BUDGET = { totalMs: 12_000, most: 12 };
/** Questions that all people of this node together may ask of the hosts of one domain. */
const ASKED_DOMAIN = { name: 'look-up-domain', max: 90, perMs: 600_000 };

/**
 * Finds what a handle or an address names: ours, what is known of elsewhere, or else, for who is signed in, by asking its
 * host within a budget (F17). `mayAsk` false asks nobody. What comes goes through the same gates as what is sent here.
 * Null when the text is no address at all. Throws `rate_limited`.
 */
export async function lookUp(
  work: Work,
  federation: Federation,
  text: string,
  mayAsk: boolean,
): Promise<LookedUp | null> {
  const wanted = readAddress(text, federation);
  if (!wanted) return null;
  if (wanted.kind === 'own') return { found: 'own', path: wanted.path };
  const known = await findKnown(work, federation, wanted);
  if (known) return known;
  const { host } = wanted;
  const nothing = (why: WhyNothing): LookedUp => {
    return { found: 'nothing', why, host, remoteUrl: wanted.kind === 'url' ? readLink(wanted.url) : null };
  };
  // a handle that would be ours, and is nobody's
  if (host === federation.host) return nothing('not-found');
  if (!work.viewer) return nothing('sign-in');
  if (!mayAsk) return nothing('unasked');
  if (!(await isHostAllowed(federation, work.em, host))) return nothing('blocked');
  takeQuestion(federation, work.viewer.id, host);
  const why = await askTogether(work, federation, wanted);
  const found = why.isFound ? await findKnown(work, federation, why.wanted) : null;
  return found ?? nothing(why.isFound ? 'not-found' : why.why);
}

/** The page here of what an address names, or why there is none. */
export async function findPage(work: Work, federation: Federation, text: string, mayAsk: boolean) {
  const found = await lookUp(work, federation, text, mayAsk);
  if (!found || found.found === 'nothing') return found;
  if (found.found === 'own') return { path: found.path };
  if (found.found === 'account') return { path: `/@${found.account.name}@${found.account.host}` };
  return { path: `/${found.target.kind}s/${found.target.id}` };
}

function takeQuestion({ limits }: Federation, viewerId: number, host: string): void {
  limits.takeFor(`${RESOLVES.name} a${viewerId}`, RESOLVES);
  limits.takeFor(`${ASKED_DOMAIN.name} ${registrableDomain(host.replace(/:\d+$/, ''))}`, ASKED_DOMAIN);
}

/** From the tables alone, as far as the asker may see it. */
async function findKnown(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  federation: Pick<Federation, 'origin' | 'host'>,
  wanted: Exclude<WantedAddress, { kind: 'own' }>,
): Promise<LookedUp | null> {
  if (wanted.kind === 'handle') {
    const host = wanted.host === federation.host ? '' : wanted.host;
    const topic = host === '' ? await findTopicByName(em, wanted.name) : null;
    if (topic) return { found: 'own', path: topic.url };
    return accountOf(await em.findOne(Account, { host, name: wanted.name.toLowerCase(), state: 'active' }));
  }
  const { url } = wanted;
  const collection = await em.findOne(Collection, { uri: url });
  const feed = collection?.feedUri && accountOf(await em.findOne(Account, { uri: collection.feedUri }));
  if (feed) return feed;
  const account = accountOf(await em.findOne(Account, { $or: [{ uri: url }, { url }], state: 'active' }));
  if (account) return account;
  const target = (await findTarget(em, federation.origin, url)) ?? (await findByPage(em, url));
  if (!target) return null;
  const look = await lookAt(em, viewer, sightOf(target));
  return look?.verdict.allowed ? { found: 'object', target } : null;
}

function accountOf(account: Account | null): LookedUp | null {
  if (account?.state !== 'active') return null;
  return account.host === '' ? { found: 'own', path: `/@${account.name}` } : { found: 'account', account };
}

/** A post's page address is not its id on most servers. */
async function findByPage(em: Work['em'], url: string): Promise<Target | null> {
  const post = await em.findOne(Post, { url });
  const model = post ? null : await em.findOne(Model, { url });
  const row = post ?? model;
  return row?.uri == null ? null : findTarget(em, '', row.uri);
}

type Asked =
  | { readonly isFound: true; readonly wanted: Exclude<WantedAddress, { kind: 'own' }> }
  | { readonly isFound: false; readonly why: WhyNothing };

const no = (why: WhyNothing): Asked => ({ isFound: false, why });
const yes = (url: string): Asked => ({ isFound: true, wanted: { kind: 'url', url, host: new URL(url).host } });

/** Several people who ask for the same at once ask once. */
async function askTogether(
  work: Work,
  federation: Federation,
  wanted: Exclude<WantedAddress, { kind: 'own' }>,
): Promise<Asked> {
  const key = wanted.kind === 'url' ? wanted.url : `${wanted.name}@${wanted.host}`;
  const underWay = federation.lookUpsUnderWay.get(key) as Promise<Asked> | undefined;
  if (underWay) return underWay;
  const asked = { ...work, em: work.em.fork() };
  // the first question of a node makes its keys, and that is not the time of who is asked
  const asking = loadSigningKey(federation, asked.em, NODE_ACTOR).then(() =>
    ask(asked, withinBudget(federation, BUDGET), wanted),
  );
  federation.lookUpsUnderWay.set(key, asking);
  try {
    return await asking;
  } finally {
    federation.lookUpsUnderWay.delete(key);
  }
}

async function ask(
  work: Work,
  federation: Federation,
  wanted: Exclude<WantedAddress, { kind: 'own' }>,
): Promise<Asked> {
  try {
    return wanted.kind === 'handle'
      ? await askHandle(work, federation, wanted)
      : await askUrl(work, federation, wanted.url);
  } catch (error) {
    // another process wrote the same row between our look and our write: it is there now
    if (error instanceof UniqueConstraintViolationException) return { isFound: true, wanted };
    if (!(error instanceof AppError) || error.kind === 'rate_limited') throw error;
    return no(whyOf(error));
  }
}

function whyOf(error: AppError): WhyNothing {
  if (error.kind === 'gone') return 'not-found';
  // something answered, and its answer is none that this node could show or trust
  if (error instanceof WrongDocument || error.kind === 'malformed' || error.kind === 'too_large') return 'not-shown';
  return 'unreachable';
}

async function askHandle(
  work: Work,
  federation: Federation,
  { name, host }: { readonly name: string; readonly host: string },
): Promise<Asked> {
  const found = await askWebFinger(work, federation, `acct:${name}@${host}`, host);
  if (!found) return no('not-found');
  return (await findActor(work, federation, found.actorUri)) ? yes(found.actorUri) : no('not-found');
}

async function askUrl(work: Work, federation: Federation, url: string): Promise<Asked> {
  const document = await readOrNull(work, federation, url);
  if (!document || document === 'a page') {
    const actorUri = await askForProfile(work, federation, url);
    if (actorUri && (await findActor(work, federation, actorUri))) return yes(actorUri);
    return no(document ? 'not-shown' : 'not-found');
  }
  // the address may be that of a page: what answers says what its id is
  const { id, type = '' } = document.object;
  if (id === undefined) return no('not-shown');
  if (ACTOR_TYPES.has(type)) {
    await rememberActor(work, federation, document);
    return yes(id);
  }
  // the note that tells of a collection leads to it
  const collectionUri = collectionOfNote(document.object, federation.origin);
  if (collectionUri !== null) return askUrl(work, federation, collectionUri);
  // a collection is followed as the actor that tells of it
  const feedUri = isCollection(document.object) ? uriOf(document.object, 'feed', federation.origin) : null;
  if (feedUri !== null && isSameOrigin(feedUri, id, federation.origin)) {
    return (await findActor(work, federation, feedUri)) ? yes(feedUri) : no('not-shown');
  }
  await fetchNote(work, federation, id);
  return (await findTarget(work.em, federation.origin, id)) ? yes(id) : no('not-shown');
}

async function readOrNull(work: Work, federation: Federation, url: string) {
  try {
    return await readDocument(work, federation, url);
  } catch (error) {
    if (error instanceof WrongDocument && error.isPage) return 'a page' as const;
    throw error;
  }
}

/** Some servers show only pages at the addresses of profiles; their WebFinger says whose page it is (RFC 7033, 4.1). */
async function askForProfile(work: Work, federation: Federation, url: string): Promise<string | null> {
  if (!/^\/(?:@|users\/|profile\/|author\/|\?author=|~)/.test(new URL(url).pathname + new URL(url).search)) return null;
  if (work.viewer) takeQuestion(federation, work.viewer.id, new URL(url).host);
  return (await askWebFinger(work, federation, url, new URL(url).host))?.actorUri ?? null;
}
