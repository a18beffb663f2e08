import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { newId, randomToken } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { Account } from '../model.ts';
import { can } from '../permissions.ts';
import { Invite, isInviteOpen } from './model.ts';

const Whole = (min: number, max: number) => z.coerce.number('A whole number.').pipe(z.int().min(min).max(max));

export const InviteForm = z.object({
  note: z.string().trim().max(200).default(''),
  maxUses: Whole(1, 1_000).default(1),
  days: Whole(1, 365).default(14),
});

/** Throws `forbidden` without the permission to invite. */
export async function createInvite(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { note, maxUses, days }: z.output<typeof InviteForm>,
): Promise<Invite> {
  if (!viewer || !can(viewer, 'invite')) throw new AppError('forbidden', 'You may not invite people.');
  const invite = em.create(Invite, {
    id: newId(),
    code: randomToken(12),
    inviter: em.getReference(Account, viewer.id),
    note,
    maxUses,
    createdAt: now(),
    expiresAt: new Date(now().getTime() + days * 86_400_000),
  });
  await em.persist(invite).flush();
  return invite;
}

export async function findOpenInvite({ em, now }: Pick<Work, 'em' | 'now'>, code: string): Promise<Invite | null> {
  const invite = code === '' ? null : await em.findOne(Invite, { code });
  return invite && isInviteOpen(invite, now()) ? invite : null;
}

/** Takes one use; of two who come at once, one gets false. */
export async function spendInvite({ em }: Pick<Work, 'em'>, invite: Invite): Promise<boolean> {
  const spent = await em.nativeUpdate(
    Invite,
    { id: invite.id, useCount: invite.useCount },
    { useCount: invite.useCount + 1 },
  );
  return spent === 1;
}

export async function revokeInvite({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: string): Promise<void> {
  if (!can(viewer, 'invite')) throw new AppError('forbidden', 'You may not invite people.');
  if ((await em.nativeDelete(Invite, { id })) === 0) throw new AppError('not_found', 'There is no such invitation.');
}

export async function listInvites({ em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>, publicUrl: URL) {
  if (!can(viewer, 'invite')) throw new AppError('forbidden', 'You may not invite people.');
  const invites = await em.find(Invite, {}, { orderBy: { createdAt: 'desc' }, limit: 200, populate: ['inviter'] });
  return invites.map((invite) => ({
    id: invite.id,
    url: new URL(`/sign-up?invite=${invite.code}`, publicUrl).href,
    inviter: invite.inviter.$.name,
    note: invite.note,
    maxUses: invite.maxUses,
    useCount: invite.useCount,
    expiresAt: invite.expiresAt.toISOString(),
    isOpen: isInviteOpen(invite, now()),
  }));
}
