import type { EntityManager } from '@mikro-orm/core';
import { newId } from '../../kit/ids.ts';
import { type LINEAGE_KINDS, Lineage, ModelVersion } from '../model.ts';

/** What something was made from on this node, by training or by merging. */
export interface Source {
  readonly kind: (typeof LINEAGE_KINDS)[number];
  /** Null for what nobody published here, such as a checkpoint of the operator's folder. */
  readonly versionId: number | null;
  readonly sha256: string;
  /** For people. */
  readonly title: string;
  readonly weight: number | null;
}

/** Writes down what this node made a version from: a fact that its owner does not edit away. Again replaces it. */
export async function recordMade(em: EntityManager, versionId: number, sources: readonly Source[]): Promise<void> {
  await em.transactional(async (tx) => {
    await tx.nativeDelete(Lineage, { child: versionId, basis: 'made' });
    for (const { kind, versionId: parentId, sha256, title, weight } of sources) {
      tx.create(
        Lineage,
        {
          ...{ id: newId(), child: tx.getReference(ModelVersion, versionId), basis: 'made', kind, weight },
          parent: parentId === null ? null : tx.getReference(ModelVersion, parentId),
          parentName: parentId === null ? title.slice(0, 200) : '',
          parentHash: sha256,
        },
        { persist: true },
      );
    }
  });
}
