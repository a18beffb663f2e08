import { z } from 'zod';
import { can } from '../../../accounts/permissions.ts';
import { rows, toDate } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Viewer, Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import type { CaseState } from '../model/case.ts';
import { AuthorityOrder } from '../model/order.ts';
import { CLAIM_TYPES, CLAIMS, type ClaimType } from '../types/types.ts';
import { fileCase } from './file.ts';

const line = (max: number) =>
  z
    .string()
    .trim()
    .min(1, t('claim.error-missing'))
    .max(max, t('claim.error-long', { n: max }));

/** An authority does not use the form: staff write down what it ordered. */
export const OrderForm = z.object({
  authority: line(200),
  reference: line(200),
  type: z.enum(CLAIM_TYPES),
  url: line(2_000),
  details: line(4_000),
});

/**
 * Files a case for an order of an authority; it waits for no letter, and is decided as any other of its type. Who wrote
 * it down is no party to it. Throws `forbidden` for who may not decide cases of this type.
 */
export async function fileOrder(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  desk: Pick<Desk, 'takeInJob'>,
  { authority, reference, type, url, details }: z.output<typeof OrderForm>,
): Promise<string> {
  if (!work.viewer || !can(work.viewer, CLAIMS[type].permission)) {
    throw new AppError('forbidden', t('order.error-type'));
  }
  const given = { type, origin: 'staff', url, answers: { details }, filerId: null } as const;
  const kase = await fileCase(work, desk, given, async (em, { id: caseId }) => {
    em.create(AuthorityOrder, { caseId, authority, reference, receivedAt: work.now() }, { persist: true });
  });
  return kase.id;
}

/** The types of which somebody may decide cases. */
export const orderTypes = (viewer: Viewer): ClaimType[] =>
  CLAIM_TYPES.filter((type) => can(viewer, CLAIMS[type].permission));

export interface OrderView {
  readonly caseId: string;
  readonly number: string;
  readonly authority: string;
  readonly reference: string;
  readonly type: ClaimType;
  readonly state: CaseState;
  readonly at: string;
}

const SHOWN = 50;

/** The newest first, of the types that the viewer may decide. */
export async function listOrders({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<OrderView[]> {
  const types = orderTypes(viewer);
  if (types.length === 0) return [];
  const found = await rows<{
    case_id: string;
    number: string;
    authority: string;
    reference: string;
    type: ClaimType;
    state: CaseState;
    received_at: unknown;
  }>(
    em,
    `select o.case_id, c.number, o.authority, o.reference, c.type, c.state, o.received_at
     from authority_order o join claim_case c on c.id = o.case_id
     where c.type in (${types.map(() => '?').join(', ')}) order by o.received_at desc, o.case_id desc limit ${SHOWN}`,
    types,
  );
  return found.map(({ case_id: caseId, received_at, ...row }) => ({
    ...{ caseId, number: row.number, authority: row.authority, reference: row.reference, type: row.type },
    ...{ state: row.state, at: toDate(received_at).toISOString() },
  }));
}
