import type { EntityManager } from '@mikro-orm/core';
import { isBlockedEither } from '../../../accounts/block.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Viewer, Work } from '../../../kit/work.ts';
import { assertSeesCollection, lookAtCollection } from '../access.ts';
import type { Collection } from '../model.ts';
import { CollectionMember, type MemberRole } from './model.ts';

/** What somebody may do with a collection of this node. */
export interface Standing {
  readonly isOwner: boolean;
  /** What they accepted to be; null where they did not, and across a block. */
  readonly role: MemberRole | null;
  /** Asked, and not answered yet. */
  readonly invitation: { readonly id: string; readonly role: MemberRole } | null;
  /** Of those who accepted. */
  readonly memberId: string | null;
  /** Arranges, edits, decides on what others bring. */
  readonly canKeep: boolean;
  readonly canAdd: boolean;
  /** What they add waits for somebody who keeps the collection. */
  readonly waits: boolean;
}

const NOTHING: Standing = {
  ...{ isOwner: false, role: null, invitation: null, memberId: null },
  ...{ canKeep: false, canAdd: false, waits: false },
};

export async function loadStanding(
  em: EntityManager,
  viewer: Viewer | null,
  { id, owner, adders, intake, uri, deletedAt }: Collection,
): Promise<Standing> {
  if (!viewer || uri != null || deletedAt != null) return NOTHING;
  if (owner.id === viewer.id) return { ...NOTHING, isOwner: true, canKeep: true, canAdd: true };
  if (await isBlockedEither({ em }, viewer.id, owner.id)) return NOTHING;
  const row = await em.findOne(CollectionMember, { collection: id, account: viewer.id });
  const role = row?.acceptedAt != null ? row.role : null;
  const invitation = row && row.acceptedAt == null ? { id: row.id, role: row.role } : null;
  const canKeep = role === 'manager' && adders !== 'owner';
  const canAdd = canKeep || adders === 'anyone' || (role === 'contributor' && adders === 'invited');
  const memberId = role === null ? null : (row?.id ?? null);
  return { isOwner: false, role, invitation, memberId, canKeep, canAdd, waits: !canKeep && intake === 'reviewed' };
}

/** Throws `unauthenticated`. */
export function member(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  return viewer;
}

export const noCollection = () => new AppError('not_found', 'There is no such collection.');

/** As its owner or a manager. Throws `not_found` for everybody else alike, and `withheld` for what moderators keep back. */
export async function loadKeptCollection(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  id: number,
): Promise<{ readonly collection: Collection; readonly isOwner: boolean }> {
  member(viewer);
  const look = await lookAtCollection(em, viewer, id);
  const standing = look && (await loadStanding(em, viewer, look.collection));
  if (!standing?.canKeep) throw noCollection();
  const { collection } = await assertSeesCollection(em, viewer, id);
  return { collection, isOwner: standing.isOwner };
}
