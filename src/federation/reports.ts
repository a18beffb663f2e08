import type { EntityManager, Loaded } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import { can } from '../accounts/permissions.ts';
import { Model, ModelVersion } from '../catalogue/model.ts';
import { Comment, Image, Post } from '../gallery/model.ts';
import { Review } from '../gallery/reviews/model.ts';
import { audited } from '../kit/audit/append.ts';
import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import { closeRow } from '../moderation/queue/open.ts';
import { type ObjectKind, readOwnUri } from './addresses.ts';
import type { Federation } from './deps.ts';
import { tellOutcome } from './flags/outcome.ts';
import { openReport, rowOf } from './flags/queue.ts';
import { PeerReport } from './model.ts';
import { readLink } from './origin.ts';

/** What peers' moderators tell ours: a list to look through, from which nothing follows by itself (A05). */

interface ReportedThing {
  readonly label: string;
  /** '' when it is not there any more. */
  readonly url: string;
}

export interface ReportRow {
  readonly id: string;
  readonly host: string;
  readonly reporterUrl: string;
  readonly code: string;
  /** Plain text, as it came. */
  readonly reason: string;
  readonly things: readonly ReportedThing[];
  readonly createdAt: string;
  readonly closedAt: string | null;
  readonly closedBy: string;
  /** '' while it is open. */
  readonly outcome: string;
}

const PAGE = 25;
/** Of a comment. */
const MOST_WORDS = 80;
/** The words of spec/federation.md, section 6, that have a name of their own; others are shown as they came. */
const CODES: ReadonlySet<string> = new Set(['ncii', 'minor', 'copyright', 'impersonation', 'malware', 'spam']);

/** Open ones oldest first, closed ones the newest first; `before` is the id of the last row seen. Throws `forbidden`. */
export async function listReports(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  origin: string,
  { isClosed, before }: { readonly isClosed: boolean; readonly before: string | null },
): Promise<{ rows: ReportRow[]; nextBefore: string | null }> {
  requireModerator(viewer);
  const past = before === null ? {} : { id: isClosed ? { $lt: before } : { $gt: before } };
  const found = await em.find(
    PeerReport,
    { closedAt: isClosed ? { $ne: null } : null, ...past },
    { populate: ['closedBy'], orderBy: { id: isClosed ? 'desc' : 'asc' }, limit: PAGE + 1 },
  );
  const shown = found.slice(0, PAGE);
  const titles = await titlesOf(em, origin, shown);
  const rows = shown.map((report) => reportRow(origin, report, titles));
  return { rows, nextBefore: found.length > PAGE ? (shown.at(-1)?.id ?? null) : null };
}

export const countOpenReports = ({ em }: Pick<Work, 'em'>): Promise<number> => em.count(PeerReport, { closedAt: null });

export const OutcomeForm = z.object({ outcome: z.enum(['removed', 'labelled', 'noAction']).default('noAction') });

/** Nothing more is to be done, and who sent it is told what came of it. Again is the same. Throws `not_found` and `forbidden`. */
export async function closeReport(
  work: Pick<Work, 'em' | 'viewer' | 'now' | 'jobs'>,
  federation: Federation,
  id: string,
  outcome: z.output<typeof OutcomeForm>['outcome'],
): Promise<void> {
  const { now } = work;
  const moderator = requireModerator(work.viewer);
  const isFresh = await audited(work, async (em) => {
    const report = await loadReport(em, id);
    if (report.closedAt != null) return { result: false, entries: [] };
    em.assign(report, { closedAt: now(), closedBy: moderator.id, outcome });
    await closeRow(em, 'peer', rowOf({ id }), outcome, now());
    const entry = { action: 'peer-report.close', subject: { kind: 'peer-report', id }, after: { outcome } };
    return { result: true, entries: [entry] };
  });
  if (isFresh) await tellOutcome(work, federation, id);
}

export async function reopenReport(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  { origin }: Pick<Federation, 'origin'>,
  id: string,
): Promise<void> {
  requireModerator(work.viewer);
  await audited(work, async (em) => {
    const report = await loadReport(em, id);
    em.assign(report, { closedAt: null, closedBy: null, outcome: '' });
    await openReport(em, origin, report, work.now());
    const entries = [{ action: 'peer-report.reopen', subject: { kind: 'peer-report', id } }];
    return { result: undefined, entries };
  });
}

function requireModerator(viewer: Work['viewer']) {
  if (!viewer || !can(viewer, 'moderateContent')) throw new AppError('forbidden', 'Reports are for moderators.');
  return viewer;
}

async function loadReport(em: EntityManager, id: string): Promise<PeerReport> {
  const report = await em.findOne(PeerReport, id);
  if (!report) throw new AppError('not_found', 'There is no such report.');
  return report;
}

function reportRow(origin: string, report: Loaded<PeerReport, 'closedBy'>, titles: Titles): ReportRow {
  return {
    ...{ id: report.id, host: report.host, reason: report.reason },
    things: report.objectUris.map((uri) => thingOf(origin, uri, titles)),
    reporterUrl: readLink(report.reporterUri) ?? '',
    code: CODES.has(report.code) ? t(`report-code.${report.code}`) : report.code,
    createdAt: report.createdAt.toISOString(),
    closedAt: report.closedAt?.toISOString() ?? null,
    closedBy: report.closedBy?.$.name ?? '',
    outcome: report.outcome,
  };
}

function thingOf(origin: string, uri: string, titles: Titles): ReportedThing {
  const named = readOwnUri(origin, uri);
  const { pathname } = new URL(uri);
  if (!named) return { label: pathname, url: '' };
  if (named.kind === 'account') {
    const isThere = titles.account.has(named.name);
    return { label: `@${named.name}`, url: isThere ? `/@${named.name}` : '' };
  }
  const title = titles[named.kind].get(String(named.id));
  const label = `${t(`report-thing.${named.kind}`)}: ${title || named.id}`;
  return { label, url: title === undefined ? '' : pathname };
}

type Kind = 'account' | ObjectKind;
/** By id, or by name for accounts; what is not there any more is missing. */
type Titles = Readonly<Record<Kind, ReadonlyMap<string, string>>>;

/** One query for each kind, however many reports there are. */
async function titlesOf(em: EntityManager, origin: string, reports: readonly PeerReport[]): Promise<Titles> {
  const named = reports.flatMap(({ objectUris }) => objectUris.flatMap((uri) => readOwnUri(origin, uri) ?? []));
  const idsOf = (kind: Kind) => named.flatMap((one) => (one.kind === kind && 'id' in one ? [String(one.id)] : []));
  const numbersOf = (kind: Kind) => ({ id: { $in: idsOf(kind).map(Number) } });
  const names = named.flatMap((one) => (one.kind === 'account' ? [one.name] : []));
  const accounts = await em.find(Account, { host: '', name: { $in: names }, state: { $ne: 'deleted' } });
  const models = await em.find(Model, { ...numbersOf('model'), deletedAt: null });
  const versions = await em.find(ModelVersion, numbersOf('version'));
  const posts = await em.find(Post, { ...numbersOf('post'), deletedAt: null });
  const images = await em.find(Image, { ...numbersOf('image'), deletedAt: null });
  const comments = await em.find(Comment, { id: { $in: idsOf('comment') }, deletedAt: null });
  const reviews = await em.find(Review, { id: { $in: idsOf('review') }, deletedAt: null });
  return {
    account: new Map(accounts.map(({ name }) => [name, name])),
    model: new Map(models.map(({ id, name }) => [String(id), name])),
    version: new Map(versions.map(({ id, name }) => [String(id), name])),
    post: new Map(posts.map(({ id, title }) => [String(id), title])),
    image: new Map(images.map(({ id }) => [String(id), ''])),
    comment: new Map(comments.map(({ id, text }) => [id, firstWords(text)])),
    review: new Map(reviews.map(({ id, text }) => [id, firstWords(text)])),
  };
}

const firstWords = (text: string): string => text.replace(/\s+/g, ' ').slice(0, MOST_WORDS);
