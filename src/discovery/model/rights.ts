import type { EntityManager } from '@mikro-orm/core';
import { type ConflictView, conflictViews } from '../../catalogue/lineage/conflict-view.ts';
import { loadLines } from '../../catalogue/lineage/load-terms.ts';
import { effectiveTerms, forbidsGenerating, forbidsSharing, type Terms } from '../../catalogue/lineage/terms.ts';
import { AppError } from '../../kit/errors.ts';

export interface Rights {
  /** What may be done after all that it was made from. */
  readonly terms: Terms;
  readonly conflicts: readonly ConflictView[];
  /** For the person who asks (0: a visitor), as far as licences decide it. */
  readonly mayGenerate: boolean;
  readonly mayDownload: boolean;
}

export async function loadRights(em: EntityManager, versionId: number, personId: number): Promise<Rights> {
  const line = (await loadLines(em, [versionId])).get(versionId);
  if (!line) throw new AppError('not_found', 'There is no such version.');
  const { own, ancestors } = line;
  const { terms, conflicts } = effectiveTerms(own, ancestors);
  return {
    terms,
    conflicts: conflictViews(conflicts),
    mayGenerate: forbidsGenerating([own, ...ancestors], personId) === null,
    mayDownload: forbidsSharing(own, ancestors, personId) === null,
  };
}
