import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATING } from '../../safety/ratings.ts';
import { holdWords } from '../../safety/words/hold.ts';
import { Contest } from '../contests/model.ts';
import { collectionChanged } from '../events.ts';
import { assertSeesCollection } from './access.ts';
import { COLLECTION_ADDERS, COLLECTION_INTAKES, COLLECTION_VISIBILITIES, Collection, CollectionItem } from './model.ts';
import { CollectionEntry, CollectionMember } from './together/model.ts';
import { loadKeptCollection, member, noCollection } from './together/standing.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'now'>;

export const CollectionForm = z.object({
  name: z.string().trim().min(1, 'Give it a name.').max(120, 'At most 120 characters.'),
  description: z.string().trim().max(5_000, 'At most 5,000 characters.').default(''),
  visibility: z.enum(COLLECTION_VISIBILITIES).default('public'),
  adders: z.enum(COLLECTION_ADDERS).default('owner'),
  intake: z.enum(COLLECTION_INTAKES).default('at-once'),
});
/** What it takes to make one. */
export type NewCollection = z.input<typeof CollectionForm>;

const MOST_COLLECTIONS = 500;

/** Throws `not_found` for somebody else's, for everybody alike, and `withheld` for what moderators keep back. */
export async function loadOwnCollection({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: number): Promise<Collection> {
  const found = await findOwn({ em, viewer }, id);
  await assertSeesCollection(em, viewer, id);
  return found;
}

async function findOwn({ em, viewer }: Pick<Work, 'em' | 'viewer'>, id: number): Promise<Collection> {
  const found = await em.findOne(Collection, { id, owner: member(viewer).id, deletedAt: null });
  if (!found) throw noCollection();
  return found;
}

export async function createCollection(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  given: NewCollection,
): Promise<Collection> {
  const form = CollectionForm.parse(given);
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

/** As its owner; a manager changes its words alone. Throws `conflict` for a contest that would not be before everybody. */
export async function editCollection(
  { em, viewer, words, now }: Task & Pick<Work, 'words'>,
  id: number,
  given: NewCollection,
): Promise<Collection> {
  const { collection, isOwner } = await loadKeptCollection({ em, viewer }, id);
  const { name, description, visibility, adders, intake } = collection;
  const contest = await em.findOne(Contest, id);
  // who may enter a contest stands in its own form
  const kept = { ...(contest || !isOwner ? { adders, intake } : {}), ...(isOwner ? {} : { visibility }) };
  const form = CollectionForm.parse({ description, visibility, adders, intake, ...given, ...kept });
  if (contest && form.visibility === 'private') throw new AppError('conflict', t('contest.not-private'));
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
  await em.nativeDelete(CollectionEntry, { collection: id });
  await em.nativeDelete(CollectionMember, { collection: id });
  await em.nativeDelete(Contest, { collection: id });
  record(em, collectionChanged, { collectionId: id });
  await em.flush();
}
