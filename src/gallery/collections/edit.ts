import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATING } from '../../safety/ratings.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { collectionChanged } from '../events.ts';
import { assertNoBlock, loadSubject } from '../talk/target.ts';
import { assertSeesCollection } from './access.ts';
import { BEFORE_ALL_ELSE, takeOut, touch } from './items.ts';
import { COLLECTION_VISIBILITIES, Collection, CollectionItem } from './model.ts';
import { isRefused } from './refuse.ts';
import type { Collected } from './thing.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

export const CollectionForm = z.object({
  name: z.string().trim().min(1, 'Give it a name.').max(120, 'At most 120 characters.'),
  description: z.string().trim().max(5_000, 'At most 5,000 characters.').default(''),
  visibility: z.enum(COLLECTION_VISIBILITIES).default('public'),
});

const MOST_COLLECTIONS = 500;
const MOST_ITEMS = 5_000;

const nothing = () => new AppError('not_found', 'There is no such collection.');

function member(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  return viewer;
}

/** Throws `not_found` for somebody else's, for everybody alike, and `withheld` for what moderators keep back. */
export async function loadOwnCollection({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: number): Promise<Collection> {
  const found = await findOwn({ em, viewer }, id);
  await assertSeesCollection(em, viewer, id);
  return found;
}

async function findOwn({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: number): Promise<Collection> {
  const found = await em.findOne(Collection, { id, owner: member(viewer).id, deletedAt: null });
  if (!found) throw nothing();
  return found;
}

export async function createCollection(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  form: z.output<typeof CollectionForm>,
): Promise<Collection> {
  const owner = member(viewer).id;
  if ((await em.count(Collection, { owner, deletedAt: null })) >= MOST_COLLECTIONS) {
    throw new AppError('conflict', 'You have as many collections as anybody can.');
  }
  const heldFor = await readCollection(words, member(viewer), form);
  const at = now();
  return em.transactional(async (tx) => {
    const made = tx.create(Collection, { owner, ...form, createdAt: at, updatedAt: at }, { persist: true });
    await tx.flush();
    if (heldFor !== null) await holdWords(tx, { kind: 'collection', id: made.id }, owner, heldFor, at);
    await tx.flush();
    return made;
  });
}

/** What only its owner sees is theirs. Throws `invalid` at the field. */
async function readCollection(
  words: Work['words'],
  author: Viewer,
  { name, description, visibility }: z.output<typeof CollectionForm>,
): Promise<string | null> {
  if (visibility === 'private') return null;
  const texts = [
    { scope: 'title', text: name, field: 'name' },
    { scope: 'prose', text: description, field: 'description' },
  ];
  return words.read({ author, level: RATING.pg, texts });
}

export async function editCollection(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  id: number,
  form: z.output<typeof CollectionForm>,
): Promise<Collection> {
  const collection = await loadOwnCollection({ em, viewer }, id);
  const { name, description, visibility } = collection;
  const isSame = name === form.name && description === form.description && visibility === form.visibility;
  const heldFor = isSame ? null : await readCollection(words, member(viewer), form);
  return em.transactional(async (tx) => {
    Object.assign(collection, form, { updatedAt: now() });
    if (heldFor !== null) await holdWords(tx, { kind: 'collection', id }, member(viewer).id, heldFor, now());
    record(tx, collectionChanged, { collectionId: id });
    await tx.flush();
    return collection;
  });
}

/** Takes it away at once, also what moderators keep back: what was in it stays where it is. */
export async function deleteCollection({ em, viewer, now }: Task, id: number): Promise<void> {
  const collection = await findOwn({ em, viewer }, id);
  await endCollection({ em, now }, collection);
}

/** The row stays as a mark. Flushes. */
export async function endCollection({ em, now }: Pick<Work, 'em' | 'now'>, collection: Collection): Promise<void> {
  const { id } = collection;
  Object.assign(collection, { name: '', description: '', deletedAt: now(), updatedAt: now() });
  await em.nativeDelete(CollectionItem, { collection: id });
  record(em, collectionChanged, { collectionId: id });
  await em.flush();
}

/**
 * Puts a thing in before all else; again is the same. Throws `not_found`, `forbidden` across a block and where its owner
 * wants it left out, `invalid` for what is not before everybody, `conflict` when the collection is full.
 */
export async function collect({ em, viewer, now }: Task, collectionId: number, thing: Collected): Promise<void> {
  const { id: viewerId } = member(viewer);
  await loadOwnCollection({ em, viewer }, collectionId);
  const { ownerId } = await loadSubject(em, viewer, thing);
  await assertNoBlock(em, viewerId, [ownerId]);
  if (!(await isListed(em, thing)))
    throw new AppError('invalid', 'Only what everybody may see can be put into a collection.');
  if (await isRefused(em, collectionId, thing))
    throw new AppError('forbidden', 'Whoever made this asked to be left out of this collection.');
  if ((await em.count(CollectionItem, { collection: collectionId })) >= MOST_ITEMS) {
    throw new AppError('conflict', 'This collection is full.');
  }
  await em.transactional(async (tx) => {
    const [made] = await rows(
      tx,
      `insert into collection_item (id, collection_id, ${thing.kind}_id, added_at, position)
       values (?, ?, ?, ?, ${BEFORE_ALL_ELSE}) on conflict do nothing returning id`,
      [newId(), collectionId, thing.id, now(), collectionId],
    );
    if (made) await touch(tx, collectionId, thing, true, now());
  });
}

/** Before everybody: public, published, rated and not withheld, as the lists have it. */
async function isListed(em: Work['em'], { kind, id }: Collected): Promise<boolean> {
  return (await rows(em, `select id from ${kind} where id = ? and listed_at is not null`, [id])).length > 0;
}

/** Takes a thing out; one that is not in it is fine. */
export async function uncollect({ em, viewer, now }: Task, collectionId: number, thing: Collected): Promise<void> {
  await loadOwnCollection({ em, viewer }, collectionId);
  await takeOut({ em, now }, collectionId, thing);
}
