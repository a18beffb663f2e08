import { type ConflictView, conflictViews } from '../../catalogue/lineage/conflict-view.ts';
import { loadLines } from '../../catalogue/lineage/load-terms.ts';
import { effectiveTerms, forbidsGenerating, forbidsSharing, type Terms } from '../../catalogue/lineage/terms.ts';
import { licencesFor, notFreedOf } from '../../economy/licences/grants-of.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';

export interface Rights {
  /** What may be done after all that it was made from. */
  readonly terms: Terms;
  readonly conflicts: readonly ConflictView[];
  /** For the person who asks (0: a visitor), as far as licences decide it. */
  readonly mayGenerate: boolean;
  readonly mayDownload: boolean;
}

export async function loadRights(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  versionId: number,
): Promise<Rights> {
  const personId = viewer?.id ?? 0;
  const at = now();
  const line = (await loadLines(em, [versionId], at)).get(versionId);
  if (!line) throw new AppError('not_found', 'There is no such version.');
  const { own, ancestors } = line;
  const people = [own, ...ancestors];
  const held = await licencesFor(em, personId, people, at);
  const { terms, conflicts } = effectiveTerms(own, ancestors);
  return {
    terms,
    conflicts: conflictViews(conflicts),
    mayGenerate: forbidsGenerating(notFreedOf(people, held.makes), personId) === null,
    mayDownload: forbidsSharing(own, ancestors, personId) === null,
  };
}
