import { rows, toBoolean, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { PeerHost, type PeerTurn } from '../model.ts';
import { requireManager } from './decide.ts';
import { DomainPolicy, type PeerDecision } from './model.ts';

export const PEER_FILTERS = ['all', 'failing', 'waiting', 'blocked', 'limited', 'allowed'] as const;
export type PeerFilter = (typeof PEER_FILTERS)[number];

/** How a host is: from the owner's word first, then from what deliveries learnt. */
type PeerState = 'fine' | 'unknown' | 'patient' | 'failing' | 'given-up' | 'blocked';

export interface PeerRow {
  readonly host: string;
  readonly state: PeerState;
  readonly stance: 'blocked' | 'allowed' | null;
  readonly isLimited: boolean;
  readonly expiresAt: string | null;
  readonly note: string;
  readonly software: string;
  /** Both are counted to `MOST_COUNTED`. */
  readonly accountCount: number;
  readonly waitingCount: number;
  readonly lastOkAt: string | null;
  readonly failingSince: string | null;
  readonly nextAttemptAt: string | null;
  readonly answerMs: number | null;
  readonly lastError: string;
}

interface Row {
  host: string;
  software: string;
  last_ok_at: unknown;
  failing_since: unknown;
  given_up_at: unknown;
  next_attempt_at: unknown;
  answer_ms: number | null;
  last_error: string;
  stance: 'blocked' | 'allowed' | null;
  is_limited: unknown;
  expires_at: unknown;
  note: string | null;
  accounts: unknown;
  waiting: unknown;
}

const PAGE = 50;
export const MOST_COUNTED = 1000;
/** Every host that the owner decided about has its row in peer_host. */
const PEERS = `select p.host, p.software, p.last_ok_at, p.failing_since, p.given_up_at, p.next_attempt_at, p.answer_ms,
    p.last_error, d.stance, d.is_limited, d.expires_at, d.note,
    (select count(*) from (select 1 from account a where a.host = p.host limit ${MOST_COUNTED}) x) as accounts,
    (select count(*) from (select 1 from delivery w where w.host = p.host limit ${MOST_COUNTED}) y) as waiting
  from peer_host p left join domain_policy d on d.host = p.host`;

const iso = (value: unknown): string | null => toDateOrNull(value)?.toISOString() ?? null;

function peerRow(row: Row, now: Date): PeerRow {
  const nextAttemptAt = toDateOrNull(row.next_attempt_at);
  const state = (): PeerState => {
    if (row.stance === 'blocked') return 'blocked';
    if (row.given_up_at != null) return 'given-up';
    if (row.failing_since != null) return 'failing';
    if (nextAttemptAt && nextAttemptAt > now) return 'patient';
    return row.last_ok_at == null ? 'unknown' : 'fine';
  };
  return {
    ...{
      host: row.host,
      state: state(),
      stance: row.stance,
      isLimited: toBoolean(row.is_limited),
      note: row.note ?? '',
      software: row.software,
    },
    ...{ accountCount: toNumber(row.accounts), waitingCount: toNumber(row.waiting), answerMs: row.answer_ms },
    ...{ lastOkAt: iso(row.last_ok_at), failingSince: iso(row.failing_since), expiresAt: iso(row.expires_at) },
    ...{ nextAttemptAt: iso(nextAttemptAt), lastError: row.last_error },
  };
}

const FILTERS: Readonly<Record<PeerFilter, string>> = {
  all: '',
  failing: 'and p.failing_since is not null',
  waiting: 'and exists (select 1 from delivery w where w.host = p.host)',
  blocked: `and d.stance = 'blocked'`,
  limited: `and d.is_limited = (1 = 1)`,
  allowed: `and d.stance = 'allowed'`,
};

export interface PeerList {
  readonly rows: readonly PeerRow[];
  /** '' at the end. */
  readonly nextAfter: string;
}

/** Hosts in the order of their names, from behind `after`: a page is one walk along the primary key. */
export async function listPeers(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { query, filter, after }: { query: string; filter: PeerFilter; after: string },
): Promise<PeerList> {
  requireManager(viewer);
  const wanted = query.toLowerCase().replace(/[%_\\]/g, '');
  const found = await rows<Row>(
    em,
    `${PEERS} where p.host > ? ${wanted === '' ? '' : 'and p.host like ?'} ${FILTERS[filter]}
     order by p.host limit ${PAGE + 1}`,
    wanted === '' ? [after] : [after, `%${wanted}%`],
  );
  const shown = found.slice(0, PAGE);
  return {
    rows: shown.map((row) => peerRow(row, now())),
    nextAfter: found.length > PAGE ? (shown.at(-1)?.host ?? '') : '',
  };
}

export interface FederationFigures {
  readonly peers: number;
  readonly failing: number;
  readonly blocked: number;
  /** Followers of our people on other nodes, and whom our people follow there. */
  readonly followers: number;
  readonly following: number;
  readonly sending: number;
  readonly taking: number;
}

export async function loadFigures({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<FederationFigures> {
  requireManager(viewer);
  const [row] = await rows<Record<keyof FederationFigures, unknown>>(
    em,
    `select (select count(*) from peer_host) as peers,
      (select count(*) from peer_host where failing_since is not null) as failing,
      (select count(*) from domain_policy where stance = 'blocked') as blocked,
      (select count(*) from follow f join account a on a.id = f.follower_id where a.host <> '' and f.state = 'accepted') as followers,
      (select count(*) from follow f join account a on a.id = f.target_id where a.host <> '' and f.state = 'accepted') as following,
      (select count(*) from delivery) as sending,
      (select count(*) from job where lane = 'inbox' and state = 'queued') as taking`,
  );
  const figure = (name: keyof FederationFigures) => toNumber(row?.[name]);
  return {
    ...{ peers: figure('peers'), failing: figure('failing'), blocked: figure('blocked') },
    ...{ followers: figure('followers'), following: figure('following') },
    ...{ sending: figure('sending'), taking: figure('taking') },
  };
}

export interface PeerPage {
  readonly peer: PeerRow;
  /** As the form has it; '' or false where nothing holds. */
  readonly policy: PolicyView;
  readonly turns: readonly PeerTurn[];
  /** The oldest first: as they are sent. */
  readonly waiting: readonly { readonly inbox: string; readonly attempt: number; readonly since: string }[];
  readonly accounts: readonly { readonly url: string; readonly name: string }[];
  readonly decisions: readonly DecisionRow[];
}

const MOST_SHOWN = 20;

interface PolicyView {
  readonly publicComment: string;
  readonly reasonCode: string;
  readonly forcedLevel: string;
  /** What is ticked. */
  readonly ticks: readonly string[];
  /** The list that said so, and its name; '' for a word of a person. */
  readonly listId: string;
}

const TICKS = [
  ...(['isLimited', 'rejectsMedia', 'rejectsFiles', 'rejectsReports', 'forbidsMirror'] as const),
  ...(['trustsDigests', 'isObfuscated'] as const),
] as const;

function policyView(policy: DomainPolicy | null): PolicyView {
  return {
    publicComment: policy?.publicComment ?? '',
    reasonCode: policy?.reasonCode ?? '',
    forcedLevel: policy?.forcedLevel == null ? '' : String(policy.forcedLevel),
    ticks: TICKS.filter((tick) => policy?.[tick]),
    listId: policy?.source.startsWith('list:') ? policy.source.slice(5) : '',
  };
}

/** Throws `not_found` for a host that nobody here ever heard of. */
export async function loadPeerPage(work: Pick<Work, 'em' | 'viewer' | 'now'>, host: string): Promise<PeerPage> {
  const { em, viewer, now } = work;
  requireManager(viewer);
  const [found] = await rows<Row>(em, `${PEERS} where p.host = ?`, [host]);
  if (!found) throw new AppError('not_found', 'No such host is known here.');
  const { turns } = await em.findOneOrFail(PeerHost, host);
  const [waiting, accounts, decisions] = await Promise.all([
    rows<{ inbox_uri: string; failure_count: number; created_at: unknown }>(
      em,
      `select inbox_uri, failure_count, created_at from delivery where host = ? order by id limit ${MOST_SHOWN}`,
      [host],
    ),
    rows<{ name: string }>(
      em,
      `select name from account where host = ? and state = 'active' order by name limit ${MOST_SHOWN}`,
      [host],
    ),
    listDecisions(work, { host, before: '' }),
  ]);
  return {
    ...{ peer: peerRow(found, now()), turns, decisions: decisions.rows },
    policy: policyView(await em.findOne(DomainPolicy, host)),
    waiting: waiting.map((one) => ({
      ...{ inbox: one.inbox_uri, attempt: one.failure_count, since: iso(one.created_at) ?? '' },
    })),
    accounts: accounts.map(({ name }) => ({ name: `@${name}@${host}`, url: `/@${name}@${host}` })),
  };
}

export interface DecisionRow {
  readonly id: string;
  readonly host: string;
  readonly act: PeerDecision['act'];
  readonly note: string;
  readonly days: number | null;
  /** '' where a stance reached its end. */
  readonly by: string;
  readonly at: string;
}

/** Who decided what, the newest first, of one host or ('') of all. */
export async function listDecisions(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { host, before }: { host: string; before: string },
): Promise<{ rows: readonly DecisionRow[]; nextBefore: string }> {
  requireManager(viewer);
  const where = [...(host === '' ? [] : ['d.host = ?']), ...(before === '' ? [] : ['d.id < ?'])];
  const found = await rows<Omit<DecisionRow, 'at' | 'by'> & { at: unknown; name: string | null }>(
    em,
    `select d.id, d.host, d.act, d.note, d.days, d.at, a.name from peer_decision d left join account a on a.id = d.by_id
     ${where.length === 0 ? '' : `where ${where.join(' and ')}`} order by d.id desc limit ${PAGE + 1}`,
    [host, before].filter((value) => value !== ''),
  );
  const shown = found.slice(0, PAGE);
  return {
    rows: shown.map(({ name, at, ...row }) => ({ ...row, by: name ?? '', at: iso(at) ?? '' })),
    nextBefore: found.length > PAGE ? (shown.at(-1)?.id ?? '') : '',
  };
}
