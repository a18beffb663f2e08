import type { EntityManager } from '@mikro-orm/core';
import { rows, toDate } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { lookAt } from '../access.ts';
import { collectionRefused } from '../events.ts';
import { assertSeesCollection } from './access.ts';
import { takeOut } from './items.ts';
import { CollectionItem, CollectionRefusal } from './model.ts';
import {
  type Collected,
  ITEM_IS_LISTED,
  ITEM_JOINS,
  ITEM_OWNER,
  type NamedThing,
  namedThing,
  THING_COLUMNS,
  type ThingRow,
} from './thing.ts';

// Whoever made a thing may have it left out of a collection of somebody else's: it goes out, and does not come back.

/** Whoever wants a whole post left out means its pictures too. */
export async function isRefused(em: EntityManager, collectionId: number, { kind, id }: Collected): Promise<boolean> {
  const ofPost = kind === 'image' ? 'or r.post_id = (select i.post_id from image i where i.id = ?)' : '';
  const found = await rows(
    em,
    `select r.id from collection_refusal r where r.collection_id = ? and (r.${kind}_id = ? ${ofPost})`,
    [collectionId, id, ...(ofPost ? [id] : [])],
  );
  return found.length > 0;
}

/** As whose thing it is; again is the same. Throws `not_found` for a collection or a thing that is not theirs to speak of. */
export async function refuse(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  collectionId: number,
  thing: Collected,
): Promise<void> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const { owner } = await assertSeesCollection(em, viewer, collectionId);
  if (owner.id === viewer.id) throw new AppError('invalid', 'This collection is yours: take it out.');
  const look = await lookAt(em, viewer, thing);
  if (look?.ownerId !== viewer.id) throw new AppError('not_found', 'There is nothing of yours at this address.');
  await writeRefusal({ em, now }, viewer.id, collectionId, thing, null);
}

/** For people here, and for peers by the id of their activity. What of a post lies in it goes with the post. */
export async function writeRefusal(
  { em, now }: Pick<Work, 'em' | 'now'>,
  accountId: number,
  collectionId: number,
  thing: Collected,
  uri: string | null,
): Promise<void> {
  await em.transactional(async (tx) => {
    const [made] = await rows<{ id: string }>(
      tx,
      `insert into collection_refusal (id, collection_id, account_id, ${thing.kind}_id, uri, created_at)
       values (?, ?, ?, ?, ?, ?) on conflict do nothing returning id`,
      [newId(), collectionId, accountId, thing.id, uri, now()],
    );
    if (!made) return;
    const { kind, id: targetId } = thing;
    record(tx, collectionRefused, { refusalId: made.id, collectionId, accountId, kind, targetId, isRefused: true });
    for (const one of [thing, ...(await picturesIn(tx, collectionId, thing))])
      await takeOut({ em: tx, now }, collectionId, one);
    await tx.flush();
  });
}

async function picturesIn(em: EntityManager, collectionId: number, { kind, id }: Collected): Promise<Collected[]> {
  if (kind !== 'post') return [];
  const found = await em.find(CollectionItem, { collection: collectionId, image: { post: id } });
  return found.map(({ image }) => ({ kind: 'image', id: image?.id ?? 0 }));
}

/** Lets it be put in again; nothing comes back by itself. Throws `not_found` for what nobody refused, or somebody else did. */
export async function withdrawRefusal({ em, viewer }: Pick<Work, 'em' | 'viewer'>, refusalId: string): Promise<void> {
  const found = await em.findOne(CollectionRefusal, { id: refusalId, account: viewer?.id ?? 0 });
  if (!found) throw new AppError('not_found', 'You did not ask for this.');
  await endRefusal(em, found);
}

export async function endRefusal(em: EntityManager, refusal: CollectionRefusal): Promise<void> {
  const kind = refusal.model ? 'model' : refusal.post ? 'post' : 'image';
  record(em, collectionRefused, {
    ...{ refusalId: refusal.id, collectionId: refusal.collection.id, accountId: refusal.account.id },
    ...{ kind, targetId: refusal[kind]?.id ?? 0, isRefused: false },
  });
  em.remove(refusal);
  await em.flush();
}

export interface RefusalRow {
  readonly id: string;
  readonly thing: NamedThing;
  readonly ownerName: string;
  /** ISO. */
  readonly since: string;
}

const MOST_SHOWN = 500;

/** What was left out of a collection, the newest first: all of it for its owner, or what one person asked for. */
export async function listRefusals(
  em: EntityManager,
  collectionId: number,
  accountId: number | null,
): Promise<RefusalRow[]> {
  const found = await rows<ThingRow & { id: string; owner_name: string; created_at: unknown }>(
    em,
    `select c.id, c.created_at, a.name as owner_name, ${THING_COLUMNS}
     from collection_refusal c ${ITEM_JOINS} join account a on a.id = c.account_id
     where c.collection_id = ? ${accountId === null ? '' : 'and c.account_id = ?'}
     order by c.created_at desc, c.id desc limit ${MOST_SHOWN}`,
    accountId === null ? [collectionId] : [collectionId, accountId],
  );
  return found.map((row) => ({
    id: row.id,
    thing: namedThing(row),
    ownerName: row.owner_name,
    since: toDate(row.created_at).toISOString(),
  }));
}

/** What of one person lies in a collection. */
export async function listTheirs(em: EntityManager, collectionId: number, accountId: number): Promise<NamedThing[]> {
  const found = await rows<ThingRow>(
    em,
    `select ${THING_COLUMNS} from collection_item c ${ITEM_JOINS}
     where c.collection_id = ? and ${ITEM_IS_LISTED} and ${ITEM_OWNER} = ? order by c.position, c.id limit ${MOST_SHOWN}`,
    [collectionId, accountId],
  );
  return found.map(namedThing);
}
