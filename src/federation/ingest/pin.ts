import { Pin } from '../../gallery/pins.ts';
import { rows } from '../../kit/database/sql.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Target } from './target.ts';

/** Pins a peer's thing to its owner's profile, or takes it off. False when it is nothing of theirs that can be pinned. */
export async function setPin(
  { em }: Pick<Work, 'em'>,
  ownerId: number,
  target: Target | null,
  pinnedAt: Date | null,
): Promise<boolean> {
  if (!target || target.isLocal || target.ownerId !== ownerId) return false;
  if (target.kind !== 'model' && target.kind !== 'post') return false;
  const { kind, id } = target;
  if (pinnedAt === null) return (await em.nativeDelete(Pin, { account: ownerId, [kind]: id })) > 0;
  await rows(
    em,
    `insert into pin (id, account_id, ${kind}_id, created_at) values (?, ?, ?, ?)
     on conflict (account_id, ${kind}_id) do update set created_at = excluded.created_at returning id`,
    [newId(), ownerId, id, pinnedAt],
  );
  return true;
}
