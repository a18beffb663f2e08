import { z } from 'zod';
import { isBlockedEither } from '../../../accounts/block.ts';
import { Account } from '../../../accounts/model.ts';
import { rows, toDate } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import { record } from '../../../kit/events/events.ts';
import { newId } from '../../../kit/ids.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { Contest } from '../../contests/model.ts';
import { memberInvited } from '../../events.ts';
import { OWNER_COLUMNS, type OwnerRow, type OwnerView, ownerView } from '../../views.ts';
import { loadOwnCollection } from '../edit.ts';
import { CollectionEntry, CollectionMember, MEMBER_ROLES, type MemberRole } from './model.ts';
import { member } from './standing.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

const MOST_MEMBERS = 200;

export const InviteForm = z.object({
  name: z
    .string()
    .trim()
    .toLowerCase()
    .transform((name) => name.replace(/^@/, ''))
    .pipe(z.string().min(1, 'Whom?').max(320, 'That is no name.')),
  role: z.enum(MEMBER_ROLES).default('contributor'),
});

const wrong = (message: string) => new AppError('invalid', message, { fields: { name: message } });

/** As the owner. Throws `invalid` at the name for who is not here, and for those with whom there is a block. */
export async function invite(
  { em, viewer, now }: Task,
  collectionId: number,
  { name, role }: z.output<typeof InviteForm>,
): Promise<string> {
  const me = member(viewer);
  await loadOwnCollection({ em, viewer }, collectionId);
  const invitee = await em.findOne(Account, { name, host: '', state: 'active', topic: null });
  // across a block nobody learns more than that nobody comes
  if (!invitee || (await isBlockedEither({ em }, me.id, invitee.id))) throw wrong(t('together.nobody', { name }));
  if (invitee.id === me.id) throw wrong(t('together.yourself'));
  if (role === 'judge' && !(await em.findOne(Contest, collectionId))) throw wrong(t('together.no-contest'));
  if ((await em.count(CollectionMember, { collection: collectionId })) >= MOST_MEMBERS)
    throw new AppError('conflict', t('together.most-members', { n: MOST_MEMBERS }));
  if (role === 'judge') await assertNotEntrant(em, collectionId, invitee.id);
  return em.transactional(async (tx) => {
    const [made] = await rows<{ id: string }>(
      tx,
      `insert into collection_member (id, collection_id, account_id, role, invited_at, accepted_at)
       values (?, ?, ?, ?, ?, null) on conflict (collection_id, account_id) do nothing returning id`,
      [newId(), collectionId, invitee.id, role, now()],
    );
    if (!made) throw wrong(t('together.already', { name }));
    record(tx, memberInvited, { memberId: made.id });
    await tx.flush();
    return made.id;
  });
}

async function assertNotEntrant(em: Work['em'], collectionId: number, accountId: number): Promise<void> {
  const open = { collection: collectionId, account: accountId, state: { $in: ['waiting' as const, 'in' as const] } };
  if ((await em.count(CollectionEntry, open)) > 0) throw new AppError('conflict', t('contest.judge-entered'));
}

/** As who was asked. Again is the same. */
export async function acceptInvitation({ em, viewer, now }: Task, collectionId: number, id: string): Promise<void> {
  const row = await em.findOne(CollectionMember, { id, collection: collectionId, account: member(viewer).id });
  if (!row) throw new AppError('not_found', t('together.no-invitation'));
  if (row.role === 'judge') await assertNotEntrant(em, collectionId, row.account.id);
  row.acceptedAt ??= now();
  await em.flush();
}

/** The owner takes somebody off; whoever was asked declines or leaves. One who is not there any more is fine. */
export async function removeMember({ em, viewer }: Task, collectionId: number, id: string): Promise<void> {
  const me = member(viewer);
  const row = await em.findOne(CollectionMember, { id, collection: collectionId });
  if (row?.account.id !== me.id) await loadOwnCollection({ em, viewer }, collectionId);
  if (row) await em.nativeDelete(CollectionMember, { id });
}

export interface MemberRow {
  readonly id: string;
  readonly person: OwnerView;
  readonly role: MemberRole;
  readonly invitedAt: string;
  readonly hasAccepted: boolean;
}

/** For the owner: those who were asked, too. Those who take part stand first. */
export async function listMembers(em: Work['em'], collectionId: number): Promise<MemberRow[]> {
  const found = await rows<OwnerRow & { id: string; role: MemberRole; invited_at: unknown; accepted_at: unknown }>(
    em,
    `select m.id, m.role, m.invited_at, m.accepted_at, ${OWNER_COLUMNS} from collection_member m
     join account a on a.id = m.account_id where m.collection_id = ? and a.state = 'active'
     order by case when m.accepted_at is null then 1 else 0 end, m.role, a.name limit ${MOST_MEMBERS}`,
    [collectionId],
  );
  return found.map((row) => ({
    ...{ id: row.id, person: ownerView(row), role: row.role, hasAccepted: row.accepted_at != null },
    invitedAt: toDate(row.invited_at).toISOString(),
  }));
}
