import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { keyedHash } from '../../../accounts/access/secrets.ts';
import { audited } from '../../../kit/audit/append.ts';
import { AppError } from '../../../kit/errors.ts';
import { hasMediaType } from '../../../kit/net/media-type.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import { type CaseState, ClaimCase } from '../model/case.ts';
import { ArtistProof } from '../model/proofs.ts';
import { CLAIMS } from '../types/types.ts';

/*
 * An artist shows that a site or profile is theirs by writing on it what only their case knows (spec/takedowns.md 2.1).
 * The node looks there itself, a few times in a case, through the client that reaches no private address.
 */

const LIVE: readonly CaseState[] = ['open', 'needs_info', 'notified', 'review'];
const MOST_TRIES = 10;
const EVERY_MS = 60_000;
const PAGE = { maxBytes: 1_000_000, timeoutMs: 10_000 };
const READABLE = ['text/*', 'application/xhtml+xml', 'application/json', 'application/activity+json'];

const address = t('case.artist-error-url');
export const ArtistForm = z.object({
  page: z
    .string()
    .trim()
    .max(2_000, address)
    .regex(/^https?:\/\/[^\s@]+$/i, address),
});

/** On the page as it is, or at the end of the address of a link. */
export const artistToken = ({ secretKey }: Pick<Desk, 'secretKey'>, caseId: string): string =>
  `tessera-${keyedHash(secretKey, 'artist proof', caseId).slice(0, 32)}`;

/** Where a rel=me link points: the same page for everybody, which reads no token. */
export const artistLink = (desk: Pick<Desk, 'secretKey' | 'publicUrl'>, caseId: string): string =>
  new URL(`/claims/new?artist=${artistToken(desk, caseId)}`, desk.publicUrl).href;

const isAsked = (kase: ClaimCase): boolean =>
  CLAIMS[kase.type].fields.some(({ name }) => name === 'proof') &&
  kase.verifiedAt != null &&
  LIVE.includes(kase.state) &&
  kase.executedAt == null;

export interface ArtistView {
  readonly token: string;
  readonly link: string;
  readonly url: string;
  readonly state: ArtistProof['state'] | 'none';
  /** What was found, and when. */
  readonly text: string;
  readonly checkedAt: string | null;
  readonly triesLeft: number;
  readonly mayTry: boolean;
}

/** What the claimant sees of it; null where nobody asks for it. */
export async function loadArtist(em: EntityManager, desk: Desk, kase: ClaimCase): Promise<ArtistView | null> {
  if (!isAsked(kase)) return null;
  const proof = await em.findOne(ArtistProof, kase.id);
  const triesLeft = MOST_TRIES - (proof?.tries ?? 0);
  return {
    ...{ token: artistToken(desk, kase.id), link: artistLink(desk, kase.id) },
    ...{ url: proof?.url ?? kase.answers.proof ?? '', state: proof?.state ?? 'none', text: proof ? textOf(proof) : '' },
    ...{ checkedAt: proof?.checkedAt?.toISOString() ?? null, triesLeft },
    mayTry: triesLeft > 0 && proof?.state !== 'proven' && proof?.state !== 'waiting',
  };
}

const textOf = ({ state, way, reason }: ArtistProof): string =>
  t(state === 'failed' ? `case.artist-error-${reason}` : `case.artist-${state}${way ? `-${way}` : ''}`);

/** The same for who decides; null where it was never tried. */
export async function findArtist(
  em: EntityManager,
  caseId: string,
): Promise<{ url: string; state: ArtistProof['state']; text: string; checkedAt: Date | null } | null> {
  const proof = await em.findOne(ArtistProof, caseId);
  return proof && { url: proof.url, state: proof.state, text: textOf(proof), checkedAt: proof.checkedAt ?? null };
}

/** Asks the node to look at a page. Throws `conflict` when it is proven or nobody asks, `rate_limited` past the budget. */
export async function askArtist(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Desk,
  caseId: string,
  { page }: z.output<typeof ArtistForm>,
): Promise<void> {
  const refuse = (message: string) => new AppError('invalid', message, { fields: { page: message } });
  if (!URL.canParse(page)) throw refuse(address);
  // a node that is tried out on one machine has no https
  if (new URL(page).protocol !== 'https:' && desk.publicUrl.protocol === 'https:') throw refuse(address);
  await audited(work, async (em) => {
    const now = work.now();
    const kase = await em.findOne(ClaimCase, caseId, { refresh: true });
    if (!kase || !isAsked(kase)) throw new AppError('conflict', t('case.artist-not-now'));
    const known = await em.findOne(ArtistProof, caseId, { refresh: true });
    if (known?.state === 'proven') throw new AppError('conflict', t('case.artist-proven-already'));
    if (known && known.tries >= MOST_TRIES) {
      throw new AppError('rate_limited', t('case.artist-over'), { retryAfterSeconds: 86_400 });
    }
    if (known && now.getTime() - known.askedAt.getTime() < EVERY_MS) {
      throw new AppError('rate_limited', t('case.artist-soon'), { retryAfterSeconds: 60 });
    }
    const asked = { url: page, state: 'waiting' as const, reason: '', way: null, askedAt: now, checkedAt: null };
    if (known) Object.assign(known, { ...asked, tries: known.tries + 1 });
    else em.create(ArtistProof, { caseId, tries: 1, ...asked }, { persist: true });
    work.jobs.enqueue(em, desk.artistJob, { caseId });
    const entry = { action: 'case.ask-artist', subject: { kind: 'case', id: caseId }, role: 'claimant' };
    return { result: null, entries: [entry] };
  });
}

interface Finding {
  readonly state: 'proven' | 'failed';
  readonly reason: string;
  readonly way: 'link' | 'text' | null;
}

const failed = (reason: string): Finding => ({ state: 'failed', reason, way: null });

/** Looks, and writes down what was found and when. A second run finds nothing that waits. */
export async function checkArtist(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  desk: Desk,
  caseId: string,
): Promise<void> {
  const proof = await work.em.fork().findOne(ArtistProof, { caseId, state: 'waiting' });
  if (!proof) return;
  const finding = await look(desk, proof.url, artistToken(desk, caseId));
  await audited(work, async (em) => {
    const done = { ...finding, checkedAt: work.now() };
    const written = await em.nativeUpdate(ArtistProof, { caseId, state: 'waiting', url: proof.url }, done);
    const entry = {
      action: 'case.check-artist',
      subject: { kind: 'case', id: caseId },
      role: 'worker',
      after: finding,
    };
    return { result: null, entries: written === 1 ? [entry] : [] };
  });
}

async function look({ net }: Pick<Desk, 'net'>, page: string, token: string): Promise<Finding> {
  try {
    const reply = await net.peerFetch(page, { ...PAGE, headers: { accept: 'text/html, text/plain;q=0.9, */*;q=0.1' } });
    // an open redirect of a well-known site must not prove that it is theirs
    if (siteOf(reply.url) !== siteOf(new URL(page))) return failed('moved');
    if (reply.status >= 300) return failed(reply.status === 404 || reply.status === 410 ? 'missing' : 'status');
    if (!hasMediaType(reply.headers['content-type'], READABLE)) return failed('type');
    const text = reply.body.toString('utf8');
    if (hasMeLink(text, token)) return { state: 'proven', reason: '', way: 'link' };
    return text.includes(token) ? { state: 'proven', reason: '', way: 'text' } : failed('absent');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return failed(error.kind === 'too_large' ? 'large' : error.kind === 'invalid' ? 'address' : 'silent');
  }
}

const siteOf = ({ host }: URL): string => host.replace(/^www\./, '');

/** HTML, 4.6.7.11: `me` among the words of `rel`; sites write it for their own profile fields, not for comments. */
export function hasMeLink(html: string, token: string): boolean {
  for (const [tag] of html.matchAll(/<(?:a|link)\s[^<>]{1,2000}>/gi)) {
    const rel = attributeOf(tag, 'rel').toLowerCase().split(/\s+/);
    if (rel.includes('me') && attributeOf(tag, 'href').endsWith(token)) return true;
  }
  return false;
}

const attributeOf = (tag: string, name: string): string =>
  new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>"']+))`, 'i').exec(tag)?.slice(1).find(Boolean) ?? '';
