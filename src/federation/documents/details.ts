import type { EntityManager } from '@mikro-orm/core';
import { Lineage, type Model, type ModelFile, type ModelVersion } from '../../catalogue/model.ts';
import { objectUri } from '../addresses.ts';
import {
  type FileDetails,
  type ModelDetails,
  type Parent,
  sendableTexts,
  type VersionDetails,
} from '../vocabulary/details.ts';

/** What servers of our kind learn of our rows beyond what every server shows. */

export const modelDetails = ({ isPoi, isMinor, isSfwOnly }: Model): ModelDetails => ({
  poi: isPoi || undefined,
  minor: isMinor || undefined,
  sfwOnly: isSfwOnly || undefined,
});

export const versionDetails = (version: ModelVersion, parents: readonly Parent[]): VersionDetails => {
  const trainingSettings = sendableTexts(version.trainingSettings);
  return {
    trainingSettings: Object.keys(trainingSettings).length === 0 ? undefined : trainingSettings,
    clipSkip: version.clipSkip ?? undefined,
    recommendedWeight: version.recommendedWeight ?? undefined,
    parents: parents.length === 0 ? undefined : [...parents],
  };
};

export const fileDetails = ({ kind, format, precision, isPruned, isPrimary, replaces }: ModelFile): FileDetails => ({
  kind,
  format,
  precision: precision === '' ? undefined : precision,
  pruned: isPruned,
  primary: isPrimary || undefined,
  replaces: replaces ?? undefined,
});

/** What each version was made of. A parent that is here and not in everybody's lists is neither named nor told by its hash (P11). */
export async function parentsOf(
  origin: string,
  em: EntityManager,
  versionIds: readonly number[],
): Promise<Map<number, Parent[]>> {
  const edges = await em.find(
    Lineage,
    { child: { $in: [...versionIds] } },
    { populate: ['parent', 'parent.model'], orderBy: { id: 1 } },
  );
  const found = new Map<number, Parent[]>();
  for (const edge of edges) {
    const { kind, basis, parentName, parentHash, parentUri, weight, parent } = edge;
    if (parent != null && (parent.$.state !== 'published' || parent.$.model.$.listedAt == null)) continue;
    const version = parent != null ? objectUri(origin, 'version', parent.$) : (parentUri ?? undefined);
    const told: Parent = {
      relation: kind,
      version,
      name: parentName === '' ? undefined : parentName,
      hash: parentHash ?? undefined,
      weight: weight ?? undefined,
      basis: basis === 'owner' ? undefined : basis,
    };
    if (told.version ?? told.name ?? told.hash) found.set(edge.child.id, [...(found.get(edge.child.id) ?? []), told]);
  }
  return found;
}
