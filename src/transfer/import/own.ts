import { publisher } from '../../catalogue/own.ts';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { findStatus } from '../../kit/queue/status.ts';
import type { Work } from '../../kit/work.ts';
import { ITEM_KINDS, type ItemKind, type ItemState, Transfer } from './model.ts';

/** Throws `not_found` for somebody else's. */
export async function loadOwnTransfer({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<Transfer> {
  const found = await em.findOne(Transfer, { id, account: publisher(viewer).id });
  if (!found) throw new AppError('not_found', 'There is nothing at this address.');
  return found;
}

/** As it stands: a job that failed for good, or that was lost, brings nothing more. */
export async function stateOf({ em }: Pick<Work, 'em'>, { state, jobId }: Transfer) {
  if (state !== 'running' && state !== 'looking') return { state, job: null };
  const job = jobId ? await findStatus(em, jobId) : null;
  const isOpen = job?.state === 'queued' || job?.state === 'running';
  if (isOpen) return { state, job };
  return { state: state === 'running' ? ('stopped' as const) : ('failed' as const), job: null };
}

export interface ItemView {
  readonly id: string;
  readonly kind: ItemKind;
  readonly title: string;
  readonly totalBytes: number;
  readonly state: ItemState;
  readonly message: string;
  readonly path: string;
}

/** So many stand on a page to be chosen one by one; of the rest, kinds are. */
export const MOST_SHOWN = 200;

/** Those that need an eye first: what failed, what is held, then the order in which they come. */
export async function listItems(
  { em }: Pick<Work, 'em'>,
  transferId: string,
  states: readonly ItemState[],
): Promise<ItemView[]> {
  const found = await rows<Record<string, unknown>>(
    em,
    `select id, kind, title, total_bytes, state, message, path from transfer_item
     where transfer_id = ? and state in (${inList(states)}) order by position limit ${MOST_SHOWN}`,
    [transferId, ...states],
  );
  return found.map((row) => ({
    ...{ id: String(row.id), kind: row.kind as ItemKind, title: String(row.title), state: row.state as ItemState },
    ...{ totalBytes: toNumber(row.total_bytes), message: String(row.message ?? ''), path: String(row.path ?? '') },
  }));
}

export interface KindCount {
  readonly kind: ItemKind;
  readonly state: ItemState;
  readonly count: number;
  readonly totalBytes: number;
}

export async function countKinds({ em }: Pick<Work, 'em'>, transferId: string): Promise<KindCount[]> {
  const found = await rows<Record<string, unknown>>(
    em,
    `select kind, state, count(*) as n, sum(total_bytes) as bytes from transfer_item where transfer_id = ?
     group by kind, state`,
    [transferId],
  );
  const counts = found.map((row) => ({
    ...{ kind: row.kind as ItemKind, state: row.state as ItemState },
    ...{ count: toNumber(row.n), totalBytes: toNumber(row.bytes) },
  }));
  return counts.sort((a, b) => ITEM_KINDS.indexOf(a.kind) - ITEM_KINDS.indexOf(b.kind));
}
