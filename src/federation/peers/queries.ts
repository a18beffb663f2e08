import { rows, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { GIVE_UP_AFTER_MS } from './health.ts';
import { assertManages } from './rules.ts';

export const PEER_FILTERS = ['all', 'failing', 'block', 'allow'] as const;
export type PeerFilter = (typeof PEER_FILTERS)[number];

/** How a host is: from the owner's word first, then from what deliveries learnt. */
type PeerState = 'fine' | 'unknown' | 'patient' | 'failing' | 'given-up' | 'block';

export interface PeerRow {
  readonly host: string;
  readonly state: PeerState;
  readonly isAllowed: boolean;
  readonly software: string;
  readonly accountCount: number;
  readonly waitingCount: number;
  readonly lastOkAt: string | null;
  readonly failingSince: string | null;
  readonly nextProbeAt: string | null;
  readonly lastError: string;
  readonly note: string;
}

interface Row {
  host: string;
  software: string | null;
  last_ok_at: unknown;
  failing_since: unknown;
  next_probe_at: unknown;
  last_error: string | null;
  kind: 'block' | 'allow' | null;
  note: string | null;
  accounts: unknown;
  waiting: unknown;
}

const PAGE = 50;
const PEERS = `select h.host, p.software, p.last_ok_at, p.failing_since, p.next_probe_at, p.last_error, r.kind, r.note,
    (select count(*) from account a where a.host = h.host) as accounts,
    (select count(*) from job j where j.lane = 'delivery' and j.partition = h.host and j.state = 'queued') as waiting
  from (select host from peer_host union select host from host_rule) h
    left join peer_host p on p.host = h.host left join host_rule r on r.host = h.host`;

const iso = (value: unknown): string | null => toDateOrNull(value)?.toISOString() ?? null;

function peerRow(row: Row, now: Date): PeerRow {
  const failingSince = toDateOrNull(row.failing_since);
  const nextProbeAt = toDateOrNull(row.next_probe_at);
  const state = (): PeerState => {
    if (row.kind === 'block') return 'block';
    if (failingSince) return now.getTime() - failingSince.getTime() > GIVE_UP_AFTER_MS ? 'given-up' : 'failing';
    if (nextProbeAt && nextProbeAt > now) return 'patient';
    return row.last_ok_at ? 'fine' : 'unknown';
  };
  return {
    host: row.host,
    state: state(),
    isAllowed: row.kind === 'allow',
    software: row.software ?? '',
    accountCount: toNumber(row.accounts),
    waitingCount: toNumber(row.waiting),
    lastOkAt: iso(row.last_ok_at),
    failingSince: iso(row.failing_since),
    nextProbeAt: iso(row.next_probe_at),
    lastError: row.last_error ?? '',
    note: row.note ?? '',
  };
}

/** Hosts in the order of their names, from behind `after`; `nextAfter` is '' at the end. */
export async function listPeers(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { query, filter, after }: { query: string; filter: PeerFilter; after: string },
): Promise<{ rows: PeerRow[]; nextAfter: string }> {
  assertManages(viewer);
  const where = ['h.host > ?'];
  const values: string[] = [after];
  if (query !== '') {
    where.push('h.host like ?');
    values.push(`%${query.toLowerCase().replace(/[%_\\]/g, '')}%`);
  }
  if (filter === 'failing') where.push('p.failing_since is not null');
  if (filter === 'block' || filter === 'allow') where.push(`r.kind = '${filter}'`);
  const found = await rows<Row>(em, `${PEERS} where ${where.join(' and ')} order by h.host limit ${PAGE + 1}`, values);
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
  assertManages(viewer);
  const [row] = await rows<Record<keyof FederationFigures, unknown>>(
    em,
    `select (select count(*) from peer_host) as peers,
      (select count(*) from peer_host where failing_since is not null) as failing,
      (select count(*) from host_rule where kind = 'block') as blocked,
      (select count(*) from follow f join account a on a.id = f.follower_id where a.host <> '' and f.state = 'accepted') as followers,
      (select count(*) from follow f join account a on a.id = f.target_id where a.host <> '' and f.state = 'accepted') as following,
      (select count(*) from job where lane = 'delivery' and state = 'queued') as sending,
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
  readonly waiting: readonly {
    readonly id: string;
    readonly at: string;
    readonly attempt: number;
    readonly error: string;
  }[];
  readonly accounts: readonly { readonly url: string; readonly name: string }[];
}

const MOST_WAITING = 20;
const MOST_ACCOUNTS = 20;

/** Throws `not_found` for a host that nobody here ever heard of. */
export async function loadPeer(work: Pick<Work, 'em' | 'viewer' | 'now'>, host: string): Promise<PeerPage> {
  const { em, viewer, now } = work;
  assertManages(viewer);
  const [[found], waiting, accounts] = await Promise.all([
    rows<Row>(em, `${PEERS} where h.host = ?`, [host]),
    rows<{ id: string; run_at: unknown; attempt: number; last_error: string | null }>(
      em,
      `select id, run_at, attempt, last_error from job where lane = 'delivery' and partition = ? and state = 'queued'
       order by run_at limit ${MOST_WAITING}`,
      [host],
    ),
    rows<{ name: string }>(
      em,
      `select name from account where host = ? and state = 'active' order by name limit ${MOST_ACCOUNTS}`,
      [host],
    ),
  ]);
  if (!found) throw new AppError('not_found', 'No such host is known here.');
  return {
    peer: peerRow(found, now()),
    waiting: waiting.map(({ id, run_at, attempt, last_error }) => ({
      ...{ id, attempt, at: iso(run_at) ?? '' },
      error: (last_error ?? '').split('\n')[0]?.slice(0, 300) ?? '',
    })),
    accounts: accounts.map(({ name }) => ({ name: `@${name}@${host}`, url: `/@${name}@${host}` })),
  };
}
