import { Account, isLocal } from '../../accounts/model.ts';
import type { CollectedKind } from '../../gallery/collections/model.ts';
import { Collection } from '../../gallery/collections/model.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { send } from '../outbox/send.ts';
import { buildLeave, buildUndo } from '../vocabulary/activity.ts';
import { toldUri } from './documents.ts';

/** One of ours wants a thing of theirs left out of a collection of elsewhere, or no longer: whoever keeps it is told. */
export async function tellOfRefusal(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  federation: Federation,
  refusal: {
    readonly refusalId: string;
    readonly collectionId: number;
    readonly accountId: number;
    readonly kind: CollectedKind;
    readonly targetId: number;
    readonly isRefused: boolean;
  },
): Promise<void> {
  const { em } = work;
  const { origin } = federation;
  const account = await em.findOne(Account, refusal.accountId);
  const collection = await em.findOne(Collection, { id: refusal.collectionId, uri: { $ne: null } });
  const keeper = collection && (await em.findOne(Account, collection.owner.id));
  const thing = await toldUri(origin, em, { kind: refusal.kind, id: refusal.targetId });
  if (!account || !isLocal(account) || collection?.uri == null || keeper?.uri == null || !thing) return;
  const act = { uri: `${actorUri(origin, account)}#leave-${refusal.refusalId}`, actorUri: actorUri(origin, account) };
  const leave = buildLeave(act, thing.uri, collection.uri, keeper.uri);
  const said = refusal.isRefused ? leave : buildUndo({ ...act, uri: `${act.uri}-undo` }, leave);
  await send(work, federation, account.id, said, { accountIds: [keeper.id] });
}
