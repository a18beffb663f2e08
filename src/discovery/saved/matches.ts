import { viewerOf } from '../../accounts/access/identify.ts';
import { type Eyes, eyesOf } from '../../gallery/views.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { EngineReach } from '../lists/engine-reach.ts';
import { listImagesOf } from '../lists/images.ts';
import { listModelsOf } from '../lists/models.ts';
import { SavedSearch } from './model.ts';
import { readSaved } from './search.ts';

/** A search with whose it is; what its owner may not see, it does not find. */
export interface OwnedSearch {
  readonly search: SavedSearch;
  readonly viewer: Viewer;
  readonly eyes: Eyes;
}

/** Null where its owner is gone or suspended. */
export async function ownedSearch(em: Work['em'], search: SavedSearch): Promise<OwnedSearch | null> {
  const account = await search.account.loadOrFail();
  if (account.state !== 'active') return null;
  const viewer = viewerOf(account);
  return { search, viewer, eyes: await eyesOf(em, viewer) };
}

/** By the secret of its address; null for none. */
export async function findSearchByKey(em: Work['em'], feedKey: string): Promise<OwnedSearch | null> {
  const search = await em.findOne(SavedSearch, { feedKey });
  return search && ownedSearch(em, search);
}

/** Ids of the newest that fit, of what was listed within the time where one is given. */
export async function findMatches(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { search, viewer, eyes }: OwnedSearch,
  options: { reach: EngineReach | null; limit: number; after: Date; until?: Date },
): Promise<number[]> {
  const work = { em, viewer, now };
  const saved = readSaved(search.kind, search.query);
  try {
    const { items } =
      saved.kind === 'models'
        ? await listModelsOf(work, eyes, saved.query, options)
        : await listImagesOf(work, eyes, saved.query, options);
    return items.map(({ id }) => id);
  } catch (error) {
    // made with a model that is not for its owner any more
    if (error instanceof AppError) return [];
    throw error;
  }
}
