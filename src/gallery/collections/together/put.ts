import { rows } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import { record } from '../../../kit/events/events.ts';
import { newId } from '../../../kit/ids.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { assertMayEnter } from '../../contests/enter.ts';
import { Contest } from '../../contests/model.ts';
import { submissionBrought } from '../../events.ts';
import { assertNoBlock, loadSubject } from '../../talk/target.ts';
import { assertSeesCollection } from '../access.ts';
import { BEFORE_ALL_ELSE, takeOut, touch } from '../items.ts';
import { type Collection, CollectionItem } from '../model.ts';
import { isRefused } from '../refuse.ts';
import type { Collected } from '../thing.ts';
import { CollectionEntry, type EntryState } from './model.ts';
import { loadKeptCollection, loadStanding, member, noCollection, type Standing } from './standing.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

const MOST_ITEMS = 5_000;
/** What one person has waiting in one collection at a time. */
const MOST_WAITING = 20;
/** In one collection, of everybody. */
const MOST_QUEUED = 2_000;

/** In it, or waiting for whoever keeps the collection. */
export type Put = 'in' | 'waiting';

/**
 * Puts a thing in before all else, or hands it in for review; again is the same. Throws `not_found`, `forbidden` where the
 * viewer may not add, across a block and where the thing's owner wants it left out, `invalid` for what is not before
 * everybody, `conflict` when the collection is full, and what the rules of a contest say.
 */
export async function collect({ em, viewer, now }: Task, collectionId: number, thing: Collected): Promise<Put> {
  const me = member(viewer);
  const collection = await loadOpenTo({ em, viewer }, collectionId);
  const standing = await loadStanding(em, viewer, collection);
  const { ownerId } = await loadSubject(em, viewer, thing);
  await assertNoBlock(em, me.id, [ownerId]);
  if (!(await isListed(em, thing))) throw new AppError('invalid', t('together.not-public'));
  if (await isRefused(em, collectionId, thing)) throw new AppError('forbidden', t('together.left-out'));
  const contest = await em.findOne(Contest, collectionId);
  return em.transactional(async (tx) => {
    // whoever counts what is in it waits here for whoever adds to it
    await rows(tx, 'update collection set updated_at = updated_at where id = ? returning id', [collectionId]);
    if (await isIn(tx, collectionId, thing)) return 'in';
    if (contest) await assertMayEnter(tx, { viewer: me, standing, contest, ownerId, now: now() });
    await assertRoom(tx, collectionId);
    if (standing.isOwner) {
      await putIn(tx, collectionId, thing, now());
      return 'in';
    }
    return bring({ em: tx, viewer: me, now }, collectionId, thing, standing);
  });
}

async function loadOpenTo({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: number): Promise<Collection> {
  const { collection } = await assertSeesCollection(em, viewer, id);
  const { canAdd } = await loadStanding(em, viewer, collection);
  if (canAdd) return collection;
  if (collection.uri != null || collection.adders === 'owner') throw noCollection();
  throw new AppError('forbidden', t('together.not-yours-to-add'));
}

/** Before everybody: public, published, rated and not withheld, as the lists have it. */
export async function isListed(em: Work['em'], { kind, id }: Collected): Promise<boolean> {
  return (await rows(em, `select id from ${kind} where id = ? and listed_at is not null`, [id])).length > 0;
}

const isIn = async (em: Work['em'], collectionId: number, { kind, id }: Collected): Promise<boolean> =>
  (await em.count(CollectionItem, { collection: collectionId, [kind]: id })) > 0;

export async function assertRoom(em: Work['em'], collectionId: number): Promise<void> {
  if ((await em.count(CollectionItem, { collection: collectionId })) >= MOST_ITEMS)
    throw new AppError('conflict', t('together.full'));
}

/** Within a transaction. */
export async function putIn(tx: Work['em'], collectionId: number, thing: Collected, at: Date): Promise<void> {
  const [made] = await rows(
    tx,
    `insert into collection_item (id, collection_id, ${thing.kind}_id, added_at, position)
     values (?, ?, ?, ?, ${BEFORE_ALL_ELSE}) on conflict do nothing returning id`,
    [newId(), collectionId, thing.id, at, collectionId],
  );
  if (made) await touch(tx, collectionId, thing, true, at);
}

/** By somebody who is not the owner. */
async function bring(
  { em, viewer, now }: Pick<Work, 'em' | 'now'> & { readonly viewer: { readonly id: number } },
  collectionId: number,
  thing: Collected,
  { waits }: Standing,
): Promise<Put> {
  const known = await em.findOne(CollectionEntry, { collection: collectionId, [thing.kind]: thing.id });
  if (known?.state === 'waiting' && known.account.id === viewer.id) return 'waiting';
  if (known?.state === 'waiting') throw new AppError('conflict', t('together.waits-already'));
  if (known?.state === 'refused' && waits) throw new AppError('conflict', t('together.was-refused'));
  if (waits) await assertMayWait(em, collectionId, viewer.id);
  const state: Put = waits ? 'waiting' : 'in';
  const fresh = { account: viewer.id, state, reason: '', decidedBy: null, createdAt: now(), decidedAt: null };
  const entry = known
    ? em.assign(known, fresh)
    : em.create(CollectionEntry, {
        ...{ id: newId(), collection: collectionId, [thing.kind]: thing.id, place: null, award: '' },
        ...fresh,
      });
  em.persist(entry);
  if (state === 'in') await putIn(em, collectionId, thing, now());
  else record(em, submissionBrought, { entryId: entry.id });
  await em.flush();
  return state;
}

async function assertMayWait(em: Work['em'], collectionId: number, accountId: number): Promise<void> {
  const waiting = { collection: collectionId, state: 'waiting' as const };
  if ((await em.count(CollectionEntry, { ...waiting, account: accountId })) >= MOST_WAITING)
    throw new AppError('conflict', t('together.most-waiting', { n: MOST_WAITING }));
  if ((await em.count(CollectionEntry, waiting)) >= MOST_QUEUED)
    throw new AppError('conflict', t('together.queue-full'));
}

/** Whoever brought it takes back their own, whatever became of the collection; who keeps it takes out any. */
export async function uncollect({ em, viewer, now }: Task, collectionId: number, thing: Collected): Promise<void> {
  const me = member(viewer);
  const here = { collection: collectionId, [thing.kind]: thing.id };
  const own = await em.findOne(CollectionEntry, { ...here, account: me.id, state: { $in: ['waiting', 'in'] } });
  if (!own) await loadKeptCollection({ em, viewer }, collectionId);
  await takeOut({ em, now }, collectionId, thing);
  if (own) await endEntry(em, own.id, 'withdrawn', now());
}

async function endEntry(em: Work['em'], id: string, state: EntryState, at: Date): Promise<void> {
  await em.nativeUpdate(CollectionEntry, { id }, { state, decidedAt: at });
}
