import type { Model, ModelVersion } from './model.ts';
import type { ContentState } from './types.ts';

type VersionFacts = Pick<ModelVersion, 'state' | 'publishedAt' | 'publishAt' | 'baseModel' | 'position'>;

/** A model is what its versions are: public when one of them is. */
function modelStateOf(versions: readonly VersionFacts[]): ContentState {
  for (const state of ['published', 'scheduled', 'unpublished'] as const) {
    if (versions.some((version) => version.state === state)) return state;
  }
  return 'draft';
}

/** Writes what lists sort by, after any change of its versions. `isWithheld` is moderation's word. */
export function refreshModel(model: Model, versions: readonly VersionFacts[], isWithheld: boolean): void {
  const here = versions.filter(({ state }) => state !== 'deleted').sort((a, b) => a.position - b.position);
  const shown = here.filter(({ state }) => state === 'published');
  const times = shown.map(({ publishedAt }) => publishedAt?.getTime() ?? 0);
  if (model.deletedAt == null) model.state = modelStateOf(here);
  model.baseModel = (shown[0] ?? here[0])?.baseModel ?? '';
  const schedule = here.flatMap(({ state, publishAt }) => (state === 'scheduled' && publishAt ? [publishAt] : []));
  model.publishAt = schedule.sort((a, b) => a.getTime() - b.getTime())[0] ?? null;
  const isShown = model.state === 'published' && !isWithheld && shown.length > 0;
  model.shownAt = isShown ? new Date(Math.max(...times)) : null;
  model.listedAt = model.visibility === 'public' ? model.shownAt : null;
  if (shown.length > 0) model.publishedAt ??= new Date(Math.min(...times));
}
