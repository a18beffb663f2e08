import type { Model, ModelVersion } from './model.ts';
import type { ContentState } from './types.ts';

type VersionFacts = Pick<ModelVersion, 'state' | 'publishedAt' | 'publishAt' | 'baseModel' | 'position'>;

/** What moderation says: nobody sees it, or it stands in no list. */
export interface Withheld {
  readonly isShut: boolean;
  readonly isDelisted: boolean;
}

/** A model is what its versions are: public when one of them is. */
function modelStateOf(versions: readonly VersionFacts[]): ContentState {
  for (const state of ['published', 'scheduled', 'unpublished'] as const) {
    if (versions.some((version) => version.state === state)) return state;
  }
  return 'draft';
}

/** Writes what lists sort by, after any change of its versions. `seen` are those of them that moderation does not hide. */
export function refreshModel(
  model: Model,
  versions: readonly VersionFacts[],
  seen: readonly VersionFacts[],
  { isShut, isDelisted }: Withheld,
): void {
  const here = versions.filter(({ state }) => state !== 'deleted').sort((a, b) => a.position - b.position);
  const published = here.filter(({ state }) => state === 'published');
  const shown = published.filter((version) => seen.includes(version));
  const times = shown.map(({ publishedAt }) => publishedAt?.getTime() ?? 0);
  if (model.deletedAt == null) model.state = modelStateOf(here);
  model.baseModel = (shown[0] ?? here[0])?.baseModel ?? '';
  const schedule = here.flatMap(({ state, publishAt }) => (state === 'scheduled' && publishAt ? [publishAt] : []));
  model.publishAt = schedule.sort((a, b) => a.getTime() - b.getTime())[0] ?? null;
  // of elsewhere, and none of its versions can be read: it is a post of its author all the same
  const isBare = !model.isLocal && published.length === 0;
  if (isBare && model.deletedAt == null) model.state = 'published';
  const isShown = model.state === 'published' && !isShut && (shown.length > 0 || isBare);
  model.shownAt = isShown ? (isBare ? (model.publishedAt ?? null) : new Date(Math.max(...times))) : null;
  model.listedAt = model.visibility === 'public' && !isDelisted ? model.shownAt : null;
  if (published.length > 0) {
    model.publishedAt ??= new Date(Math.min(...published.map(({ publishedAt }) => publishedAt?.getTime() ?? 0)));
  }
}
