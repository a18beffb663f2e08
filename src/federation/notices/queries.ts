import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { Takedown } from '../../moderation/takedown/model.ts';
import type { Federation } from '../deps.ts';
import { COMPLIANCE_STATES, type ComplianceState, HOW, type How, NoticePeer, SentNotice } from './model.ts';

type Figures = Readonly<Record<ComplianceState, number>>;

interface ComplianceRow {
  readonly id: string;
  readonly host: string;
  readonly state: ComplianceState;
  readonly isOfOurKind: boolean;
  /** Keys of `notices.how-…`. */
  readonly how: readonly How[];
  readonly note: string;
  readonly result: string;
  readonly isReceiptProven: boolean;
  readonly knownUrls: readonly string[];
  readonly queuedAt: string;
  readonly deliveredAt: string | null;
  readonly acknowledgedAt: string | null;
  readonly verifiedAt: string | null;
}

export interface CompliancePage {
  readonly takedownId: string;
  readonly outcome: string;
  readonly category: string;
  readonly figures: readonly { readonly state: ComplianceState; readonly count: number }[];
  readonly notices: readonly {
    readonly kind: SentNotice['kind'];
    readonly objectUri: string;
    readonly respondBy: string;
    readonly isEnded: boolean;
    readonly rows: readonly ComplianceRow[];
  }[];
}

const MOST_ROWS = 1_000;

/** How far the instances are, of one takedown or (null) of all that are not taken back. What is public: public.ts. */
export async function countCompliance(em: EntityManager, takedownId: string | null): Promise<Figures> {
  const found = await rows<{ state: ComplianceState; n: unknown }>(
    em,
    `select p.state, count(*) as n from notice_peer p join sent_notice s on s.id = p.notice_id
     where ${takedownId === null ? `s.kind <> 'undo' and s.ended_at is null` : 's.takedown_id = ?'} group by p.state`,
    takedownId === null ? [] : [takedownId],
  );
  const counts = new Map(found.map(({ state, n }) => [state, toNumber(n)]));
  return Object.fromEntries(COMPLIANCE_STATES.map((state) => [state, counts.get(state) ?? 0])) as Figures;
}

function requireReader(viewer: Work['viewer']): void {
  const may = (['moderateContent', 'decideSevere', 'decideRights', 'manageFederation'] as const).some((permission) =>
    can(viewer, permission),
  );
  if (!may) throw new AppError('forbidden', 'This page is for moderators.');
}

/** The table of each instance. Throws `forbidden` and `not_found`. */
export async function loadCompliancePage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  takedownId: string,
): Promise<CompliancePage> {
  requireReader(viewer);
  const takedown = await em.findOne(Takedown, takedownId);
  if (!takedown) throw new AppError('not_found', 'There is no such takedown.');
  const figures = await countCompliance(em, takedownId);
  const notices = await em.find(SentNotice, { takedownId }, { orderBy: { createdAt: 'asc' } });
  return {
    ...{ takedownId, outcome: takedown.outcome, category: takedown.category },
    figures: COMPLIANCE_STATES.map((state) => ({ state, count: figures[state] })),
    notices: await Promise.all(
      notices.map(async (notice) => ({
        ...{ kind: notice.kind, objectUri: notice.objectUri, respondBy: notice.respondBy.toISOString() },
        isEnded: notice.endedAt != null,
        rows: await listRows(em, notice),
      })),
    ),
  };
}

async function listRows(em: EntityManager, notice: SentNotice): Promise<ComplianceRow[]> {
  const peers = await em.find(NoticePeer, { noticeId: notice.id }, { orderBy: { host: 'asc' }, limit: MOST_ROWS });
  const exposures = await rows<{ host: string; how: number }>(em, 'select host, how from exposure where subject = ?', [
    `${notice.targetKind}:${notice.targetId}`,
  ]);
  const hows = new Map(exposures.map(({ host, how }) => [host, how]));
  return peers.map((peer) => ({
    ...{ id: peer.id, host: peer.host, state: peer.state, isOfOurKind: peer.isOfOurKind, note: peer.note },
    how: (Object.keys(HOW) as How[]).filter((how) => ((hows.get(peer.host) ?? 0) & HOW[how]) !== 0),
    result: String((peer.receipt as { result?: unknown } | null)?.result ?? ''),
    ...{ isReceiptProven: peer.isReceiptProven, knownUrls: peer.knownUrls, queuedAt: peer.queuedAt.toISOString() },
    deliveredAt: peer.deliveredAt?.toISOString() ?? null,
    acknowledgedAt: peer.acknowledgedAt?.toISOString() ?? null,
    verifiedAt: peer.verifiedAt?.toISOString() ?? null,
  }));
}

export const LookForm = z.object({
  url: z
    .string()
    .trim()
    .max(2_048, 'That address is too long.')
    .refine((url) => url === '' || URL.canParse(url), 'That is no address.')
    .default(''),
});

const MOST_URLS = 40;

/** Looks again now, also at an address of that host that somebody found. Throws `invalid` for one of another host. */
export async function askLook(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  federation: Pick<Federation, 'jobs'>,
  peerId: string,
  { url }: z.output<typeof LookForm>,
): Promise<void> {
  requireReader(work.viewer);
  await audited(work, async (em) => {
    const peer = await em.findOne(NoticePeer, peerId);
    if (!peer) throw new AppError('not_found', 'There is no such instance.');
    if (url !== '' && new URL(url).host !== peer.host) {
      throw new AppError('invalid', 'That address is of another host.', { fields: { url: 'Of another host.' } });
    }
    if (url !== '') peer.knownUrls = [...new Set([url, ...peer.knownUrls])].slice(0, MOST_URLS);
    peer.nextCheckAt = work.now();
    work.jobs.enqueue(em, federation.jobs.checkNotice, { peerId }, { dedupeKey: `look ${peerId}` });
    const entry = { action: 'notice.look', subject: { kind: 'notice-peer', id: peerId }, after: { isNew: url !== '' } };
    return { result: undefined, entries: [entry] };
  });
}
