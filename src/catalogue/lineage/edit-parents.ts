import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Viewer } from '../../kit/work.ts';
import { seesModel } from '../access.ts';
import { findByHash } from '../attach.ts';
import { isOwner, LINEAGE_KINDS, Lineage, ModelVersion } from '../model.ts';

const MAX_PARENTS = 12;

export interface ParentInput {
  readonly kind: (typeof LINEAGE_KINDS)[number];
  /** An address here, a hash, or only a name. */
  readonly text: string;
  readonly weight: number | null;
}

export function parseParents(form: {
  readonly parentKind: readonly string[];
  readonly parentText: readonly string[];
  readonly parentWeight: readonly string[];
}): ParentInput[] {
  return form.parentText.slice(0, MAX_PARENTS).flatMap((text, n): ParentInput[] => {
    const kind = LINEAGE_KINDS.find((known) => known === form.parentKind[n]) ?? 'trained_on_base';
    const weight = Number.parseFloat(form.parentWeight[n] ?? '');
    if (text.trim() === '') return [];
    return [{ kind, text: text.trim().slice(0, 300), weight: Number.isFinite(weight) ? weight : null }];
  });
}

/** What the form shows for an edge, and reads again. */
export const parentText = (edge: { parentId: number | null; parentHash: string | null; parentName: string }): string =>
  edge.parentId !== null ? `/versions/${edge.parentId}` : edge.parentName || (edge.parentHash ?? '');

/** Replaces the edges of a version when they changed. Call it inside of a transaction. */
export async function setParents(
  em: EntityManager,
  viewer: Viewer | null,
  version: ModelVersion,
  parents: readonly ParentInput[],
): Promise<void> {
  // what this node made it from is a fact, and no field of a form
  const before = await em.find(Lineage, { child: version, basis: { $ne: 'made' } }, { orderBy: { id: 1 } });
  const textOf = (edge: Lineage) =>
    parentText({ parentId: edge.parent?.id ?? null, parentHash: edge.parentHash ?? null, parentName: edge.parentName });
  const same =
    before.length === parents.length &&
    before.every((edge, n) => {
      const wanted = parents[n];
      return textOf(edge) === wanted?.text && edge.kind === wanted.kind && (edge.weight ?? null) === wanted.weight;
    });
  if (same) return;
  const known = new Map(before.map((edge) => [textOf(edge), edge]));
  for (const edge of before) em.remove(edge);
  for (const { kind, text, weight } of parents) {
    const parent = await resolveParent(em, viewer, text);
    if (parent?.id === version.id) {
      const message = 'A version does not descend from itself.';
      throw new AppError('invalid', message, { fields: { parentText: message } });
    }
    const hash = /^[0-9a-f]{8,64}$/i.test(text) ? text.toLowerCase() : (known.get(text)?.parentHash ?? null);
    // a claim of the file that its owner left as it was stays a claim
    const was = known.get(text);
    const basis = was?.kind === kind ? was.basis : 'owner';
    const parentName = parent || text === hash ? '' : text.slice(0, 200);
    em.create(
      Lineage,
      { id: newId(), child: version, parent, parentName, parentHash: hash, kind, weight, basis },
      { persist: true },
    );
  }
}

/** Null when it is only a name. Throws `invalid` for an address that leads nowhere this person may look. */
async function resolveParent(em: EntityManager, viewer: Viewer | null, text: string): Promise<ModelVersion | null> {
  if (/^[0-9a-f]{8,64}$/i.test(text)) return findByHash(em, text.toLowerCase(), viewer?.id ?? 0);
  const path = /^(?:https?:\/\/[^/]+)?\/(versions|models)\/(\d{1,10})(?:[/?#]|$)/.exec(text);
  if (!path) return null;
  const versionId = path[1] === 'versions' ? path[2] : /[?&]version=(\d{1,10})/.exec(text)?.[1];
  const found = await em.findOne(
    ModelVersion,
    versionId ? { id: Number(versionId) } : { model: Number(path[2]), state: 'published' },
    { populate: ['model'], orderBy: { position: 1 } },
  );
  const isKnown = found && (found.state === 'published' || isOwner(found.model.$, viewer));
  if (!isKnown || !(await seesModel(em, viewer, found.model.id))) {
    const message = `There is no model at ${text}.`;
    throw new AppError('invalid', message, { fields: { parentText: message } });
  }
  return found;
}
